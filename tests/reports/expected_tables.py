"""What a run's page has to show, worked out with pandas from the run's own tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

GENERIC = {"mAP": "mAP", "rank-1": "rank1", "rank-5": "rank5", "rank-10": "rank10", "mINP": "mINP"}
MEGABYTE = 1e6
Rows = list[dict[str, str]]


def scores(run_dir: Path, scope: str, *, of: int | str) -> pd.DataFrame:
    """One row for each client (-1: the shared model), one column for each metric; of a round, or of a reference."""
    file, column = ("metrics.csv", "round") if isinstance(of, int) else ("references.csv", "reference")
    table = pd.read_csv(run_dir / file)
    chosen = table[(table[column] == of) & (table["scope"] == scope)].fillna({"client": -1})
    return chosen.pivot_table(index="client", columns="metric", values="value")


def last_round(run_dir: Path) -> int:
    return int(pd.read_csv(run_dir / "metrics.csv")["round"].max())


def generic_rows(run_dir: Path) -> Rows:
    """Of a run whose last round is its best."""
    last = last_round(run_dir)
    rows = {
        "Pre-trained model (round 0)": scores(run_dir, "generic", of=0).mean(),
        "Local only (mean over clients)": scores(run_dir, "generic", of="local_only").mean(),
        f"Federation, final (round {last})": scores(run_dir, "generic", of=last).mean(),
        f"Federation, best (round {last}) *": scores(run_dir, "generic", of=last).mean(),
    }
    start = rows["Pre-trained model (round 0)"]
    return [
        {"": title, **{shown: f"{found[name]:.1f}" for shown, name in GENERIC.items()},
         "mAP vs start": "–" if found is start else signed(found["mAP"] - start["mAP"])}
        for title, found in rows.items()
    ]  # fmt: skip


def model_rows(run_dir: Path) -> list[list[str]]:
    """Means over clients, of four models on each client's own people."""
    found = {
        "Pre-trained model": scores(run_dir, "personalized", of=0),
        "Shared model": scores(run_dir, "personalized", of="global_model"),
        "Own model": scores(run_dir, "personalized", of=last_round(run_dir)),
        "Trained alone": scores(run_dir, "personalized", of="local_only"),
    }
    return [[title, f"{each['mAP'].mean():.1f}", f"{each['rank1'].mean():.1f}"] for title, each in found.items()]


def client_rows(run_dir: Path) -> Rows:
    """Every client, and their mean."""
    own, start = (scores(run_dir, "personalized", of=number) for number in (last_round(run_dir), 0))
    alone, shared = (scores(run_dir, "personalized", of=name) for name in ("local_only", "global_model"))
    images = pd.read_csv(run_dir / "metrics.csv").query("metric == 'num_examples'").groupby("client")["value"].mean()

    def line(name: str, dataset: str, value: Mapping[str, float], examples: float) -> dict[str, str]:
        return {
            "Client": name, "Dataset": dataset, "Own model mAP": f"{value['own']:.1f}",
            "vs local only": signed(value["own"] - value["alone"]), "Local only mAP": f"{value['alone']:.1f}",
            "Pre-trained mAP": f"{value['start']:.1f}", "Shared model mAP": f"{value['shared']:.1f}",
            "Own model rank-1": f"{value['rank1']:.1f}", "Identities": "45", "Training images": f"{examples:.0f}",
            "Held-out images": "280", "Cameras": "6",
        }  # fmt: skip

    columns = {"own": own["mAP"], "alone": alone["mAP"], "start": start["mAP"], "shared": shared["mAP"]}
    table = pd.DataFrame(columns | {"rank1": own["rank1"]})
    rows = [line(f"{client:.0f}", "synthetic", table.loc[client].to_dict(), images[client]) for client in table.index]
    return [*rows, line("Mean", "", table.mean().to_dict(), images.mean())]


def cost_rows(run_dir: Path, *by: str) -> Rows:
    """What rounds, clients or both cost, and the total."""
    costs = pd.read_csv(run_dir / "metrics.csv").query("scope == 'cost'")
    wide = costs.pivot_table(index=["round", "client"], columns="metric", values="value")
    clock = pd.read_csv(run_dir / "timing.csv")
    training = clock[clock["metric"] == "training_seconds"].astype({"client": int})
    wide["seconds"] = training.set_index(["round", "client"])["value"]
    phases = clock[clock["client"].isna() & (clock["metric"] != "round_seconds")]
    wall = phases.groupby("round")["value"].sum() if by == ("Round",) else None
    counted = {("Round",): "Clients", ("Client",): "Rounds"}.get(by)

    def line(found: pd.DataFrame, names: tuple[str, ...]) -> dict[str, str]:
        sums, is_total = found.sum(), names[0] == "Total"
        shown = dict(zip(by, names, strict=True))
        if counted:
            shown[counted] = "" if is_total and wall is not None else str(len(found))
        shown |= {
            "Images": f"{sums['images']:,.0f}", "Received": f"{sums['bytes_down'] / MEGABYTE:.1f} MB",
            "Sent": f"{sums['bytes_up'] / MEGABYTE:.1f} MB", "Training time": f"{sums['seconds']:.1f} s",
            "Images/s": f"{sums['images'] / sums['seconds']:.0f}",
        }  # fmt: skip
        if wall is not None:
            shown["Wall time"] = f"{wall.sum() if is_total else wall.loc[int(names[0])]:.1f} s"
        return shown

    groups = wide.groupby(level=[name.lower() for name in by])
    rows = [line(found, tuple(f"{part:.0f}" for part in key)) for key, found in groups]
    return [*rows, line(wide, ("Total", "")[: len(by)])]


def signed(value: float) -> str:
    """With a sign, the minus a real one."""
    return f"{value:+.1f}".replace("-", "−")
