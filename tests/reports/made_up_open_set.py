"""What verification, identification, a branch, hard negatives and adaptation add to a made-up run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fedreid.scenario import load_scenario, to_toml

# Accept rates rise with the rate, and with the mAP of the model that is asked.
FARS = {"1e-6": 0.2, "1e-5": 0.35, "1e-4": 0.5, "1e-3": 0.7, "1e-2": 0.9}
FPIRS = {"1e-5": 0.1, "1e-4": 0.2, "1e-3": 0.4, "1e-2": 0.6, "1e-1": 0.85}
Rows = list[tuple[Any, ...]]


def add_open_set(run_dir: Path, *, fewest: int = 12_345, identities: int = 20, last: int | None = None) -> None:
    """Add TAR and TPIR rows beside every mAP of round 0 and the last one, and beside those of the references.

    Args:
        fewest: impostor pairs of client 0; every further client has 10,000 more.
        last: the last round; by default the last one in metrics.csv.
    """
    metrics, references = pd.read_csv(run_dir / "metrics.csv"), run_dir / "references.csv"
    end = int(metrics["round"].max()) if last is None else last
    scored = metrics[metrics["metric"].str.endswith("mAP") & metrics["round"].isin([0, end])]
    rows = [
        (int(row["round"]), row["scope"], _client(row["client"]), row["dataset"], *found)
        for row in scored.to_dict("records")
        for found in _scores(row, fewest, identities)
    ]
    append(run_dir / "metrics.csv", rows)
    if references.exists():
        table = pd.read_csv(references)
        append(references, [
            (row["reference"], row["scope"], _client(row["client"]), row["dataset"], *found)
            for row in table[table["metric"] == "mAP"].to_dict("records")
            for found in _scores(row, fewest, identities)
        ])  # fmt: skip


def _client(value: float) -> int | str:
    return "" if np.isnan(value) else int(value)


def _scores(row: dict[str, Any], fewest: int, identities: int) -> list[tuple[str, float]]:
    """(metric, value) pairs of one evaluation: only rates that the counts resolve."""
    prefix, level = row["metric"].removesuffix("mAP"), row["value"]
    is_generic = row["scope"] == "generic"
    pairs = 1_272_210 if is_generic else fewest + 10_000 * int(row["client"])
    probes = 674 if is_generic else 40 + fewest // 10
    searched = probes // 2 if is_generic else probes
    found = [(f"TAR@FAR={name}", level * part) for name, part in FARS.items() if float(name) * pairs >= 1]
    found += [(f"TPIR@FPIR={name}", level * part) for name, part in FPIRS.items() if float(name) * searched >= 1]
    counts = {"genuine_pairs": 321, "impostor_pairs": pairs, "mated_probes": 6 * identities, "non_mated_probes": probes}
    return [(prefix + name, value) for name, value in [*found, *counts.items()]]


def add_branch(run_dir: Path, points: float = 4.0) -> None:
    """Call the last round's personalized scores those of the branch; the model without it is some points worse."""
    metrics = pd.read_csv(run_dir / "metrics.csv")
    chosen = metrics[(metrics["scope"] == "personalized") & (metrics["round"] == metrics["round"].max())]
    plain = chosen.assign(metric="local_model/" + chosen["metric"])
    is_score = ~chosen["metric"].isin(["queries", "skipped"])
    plain["value"] = plain["value"].where(~is_score, plain["value"] - points)
    plain["client"] = plain["client"].astype(int)
    append(run_dir / "metrics.csv", list(plain.itertuples(index=False, name=None)))


def add_adaptation(run_dir: Path, points: float = 2.0) -> None:
    """Fine-tuned and distilled models, some points better than the shared one."""
    table = pd.read_csv(run_dir / "references.csv")
    shared = table[(table["reference"] == "global_model") & table["metric"].isin(["mAP", "rank1"])]
    shared = shared.assign(client=shared["client"].astype(int))
    for place, name in enumerate(("fine_tune", "distillation"), start=1):
        better = shared.assign(reference=name, value=shared["value"] + place * points)
        append(run_dir / "references.csv", list(better.itertuples(index=False, name=None)))


def add_hard_negatives(run_dir: Path, shares: Sequence[float] = (), public: int = 4354) -> None:
    """What each client kept of the public images in each round.

    Args:
        shares: in percent, one for each row of training, in their order; by default falling from round to round.
    """
    metrics = pd.read_csv(run_dir / "metrics.csv")
    trained = metrics[metrics["metric"] == "loss"]
    rows: Rows = []
    for place, (number, client) in enumerate(zip(trained["round"], trained["client"], strict=True)):
        share = float(shares[place]) if shares else 60 * np.exp(-number / 3) + 3 * client
        images = round(share * public / 100)
        kept = {"hard_negatives": images, "hard_negative_identities": images // 12, "hard_negative_share": share}
        rows += [(number, "train", int(client), "", metric, value) for metric, value in kept.items()]
    append(run_dir / "metrics.csv", rows)


def append(path: Path, rows: Rows) -> None:
    """Add rows to a table."""
    pd.DataFrame(rows).to_csv(path, mode="a", header=False, index=False)


def with_settings(run_dir: Path, *overrides: str) -> Path:
    """Change the run's scenario."""
    scenario = load_scenario(run_dir / "scenario.toml", overrides).scenario
    (run_dir / "scenario.toml").write_text(to_toml(scenario))
    return run_dir


def make_fedfr(run_dir: Path) -> Path:
    """Turn a plain run folder into one of FedFR with everything that it can report."""
    add_branch(run_dir)
    add_adaptation(run_dir)
    add_open_set(run_dir)
    add_hard_negatives(run_dir)
    return with_settings(
        run_dir, "method.name=fedfr", 'adaptation.methods=["fine_tune", "distillation"]', "faithful.pooled_tpir=true",
    )  # fmt: skip
