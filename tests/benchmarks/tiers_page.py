"""The page about federations of unequal budgets: what each way brings, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import pandas as pd

from fedreid.pruning.tiers import Tiers
from tests.benchmarks.tools import table

TITLES = {
    "whole": "everyone trains all of it (upper bound)",
    "importance": "tiers, channels by L1",
    "impact": "tiers, channels by the clients' loss impacts",
    "heterofl": "tiers, HeteroFL's prefixes",
    "smallest": "everyone trains the 25 % network",
    "strong": "only clients 0 and 1 take part, with all of it",
}
PAIRS = ((0, 1), (2, 3), (4, 5))
SHARES = ("1", "0.5", "0.25")
STEP = 3  # a training step takes about three times the multiplications of the forward pass
WORDS = Path(__file__).with_name("tiers_words.md")


@dataclass(frozen=True)
class Run:
    """The rows of one run, and the MACs of each client's network."""

    rows: pd.DataFrame
    macs: tuple[float, ...]

    @classmethod
    def read(cls, folder: Path, whole_macs: float) -> Run:
        tiers = Tiers.load(folder)
        clients = range(sum(map(len, PAIRS)))
        macs = [whole_macs if tiers is None else tiers.tier(client).amounts["macs"] for client in clients]
        return cls(pd.read_csv(folder / "metrics.csv"), tuple(macs))

    def generic(self, share: str) -> float:
        """mAP of a tier's part of the final model on people nobody trained on; nan where there is no such part."""
        name = "mAP" if share == "1" else f"tier-{share}/mAP"
        return self._last("generic", name).mean()

    def personal(self, clients: Sequence[int]) -> float:
        """Mean mAP of these clients' own models on their own people."""
        found = self._last("personalized", "mAP")
        return found[found.index.isin(clients)].mean()

    def megabytes(self) -> float:
        """Both ways, all rounds."""
        return self._cost(["bytes_down", "bytes_up"]).sum() / 1e6

    def multiplications(self) -> float:
        """Of all training steps, in 1e12."""
        images = self._cost(["images"])
        return sum(STEP * self.macs[int(client)] * count for client, count in images.items()) / 1e12

    def _last(self, scope: str, metric: str) -> pd.Series:
        rows = self.rows[(self.rows.scope == scope) & (self.rows.metric == metric)]
        return rows[rows["round"] == rows["round"].max()].set_index("client").value

    def _cost(self, metrics: list[str]) -> pd.Series:
        rows = self.rows[(self.rows.scope == "cost") & self.rows.metric.isin(metrics)]
        return rows.groupby(rows.client.astype(int)).value.sum()


def write_page(runs: Path, methods: Sequence[str], variants: Sequence[str], seeds: Sequence[int], out: Path) -> Path:
    """README.md with both tables for each method, and rows.csv with the figure of each run."""
    out.mkdir(parents=True, exist_ok=True)
    rows = _rows(runs, methods, variants, seeds)
    rows.to_csv(out / "rows.csv", index=False, float_format="%.6g")
    lines = ["# One network, three budgets: six clients on Market-1501", "", WORDS.read_text().strip(), ""]
    for method in methods:
        found = rows[rows.method == method]
        lines += [f"## {'FedFR' if method == 'fedfr' else 'FedAvg'}", "", *_table(found, variants), ""]
    lines += ["`rows.csv` has every run's figures.", ""]
    (out / "README.md").write_text("\n".join(lines))
    return out / "README.md"


def _rows(runs: Path, methods: Sequence[str], variants: Sequence[str], seeds: Sequence[int]) -> pd.DataFrame:
    found = []
    for method in methods:
        for seed in seeds:
            tiers = Tiers.load(runs / f"{method}-importance-{seed}")
            assert tiers is not None
            whole = tiers.tiers[0].amounts["macs"]
            for variant in variants:
                run = Run.read(runs / f"{method}-{variant}-{seed}", whole)
                found.append(
                    {"method": method, "variant": variant, "seed": seed}
                    | {f"generic {share}": run.generic(share) for share in SHARES}
                    | {f"clients {one}, {other}": run.personal((one, other)) for one, other in PAIRS}
                    | {"all clients": run.personal(sum(PAIRS, ()))}
                    | {"MB": run.megabytes(), "tera-MACs": run.multiplications()}
                )
    rows = pd.DataFrame(found)
    rows.loc[rows.variant == "smallest", "generic 1"] = float("nan")  # nobody trains the rest of it
    return rows


def _table(rows: pd.DataFrame, variants: Sequence[str]) -> list[str]:
    columns = [name for name in rows.columns if name not in ("method", "variant", "seed")]
    costs = ("MB", "tera-MACs")
    whole = rows[rows.variant == "whole"]
    lines = []
    for variant in variants:
        of_variant = rows[rows.variant == variant]
        cells = [TITLES[variant]]
        for name in columns:
            if name in costs:
                saved = 1 - of_variant[name].mean() / whole[name].mean()
                cells.append(f"{of_variant[name].mean():.1f}" + (f" (−{saved:.0%})" if saved >= 0.005 else ""))
            else:
                cells.append(_spread(of_variant[name].dropna().tolist()))
        lines.append(cells)
    return table(["", *columns], lines)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    return f"{fmean(values):.1f}" if len(values) < 2 else f"{fmean(values):.1f} ± {stdev(values):.1f}"
