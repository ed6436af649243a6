"""Small comparisons of made-up runs, and what their pages say."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from fedreid import run_folder
from fedreid.comparison.compared import compared_runs
from fedreid.comparison.held_against import Comparison
from tests.comparison.made_up import make_run

CLIENTS = {0: 40.0, 1: 60.0, 2: 50.0}


def a_run(
    folder: Path,
    method: str,
    seed: int,
    *,
    ap: Sequence[float | None] = (0.2, 0.4, 0.6, 0.8),
    more: float = 0.0,
    bytes_down: float = 1000.0,
    settings: Sequence[str] = (),
    dataset: str = "shop",
    other_set: Sequence[float | None] = (),
) -> Path:
    """A finished run of three clients that last.

    Args:
        ap: average precision of each query; empty: no generic test set.
        more: points on top of each client's score.
        other_set: average precision of each query of a second test set, "mall".
        bytes_down: to each client in each of two rounds; half of it comes back.
    """
    made = make_run(
        folder, seed=seed, settings=[f'method.name="{method}"', 'partition.by="camera"', *settings],
        ap={name: found for name, found in {dataset: ap, "mall": other_set}.items() if found},
        clients={client: value + more for client, value in CLIENTS.items()},
    )  # fmt: skip
    rows = [
        [number, "cost", client, "", metric, value]
        for number in (1, 2)
        for client in CLIENTS
        for metric, value in (("bytes_down", bytes_down), ("bytes_up", bytes_down / 2), ("images", 10))
    ]
    with (made / "metrics.csv").open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    sealed(made)
    return made


def sealed(folder: Path) -> None:
    """Let a run's summary vouch for its files as they are now."""
    path = folder / run_folder.SUMMARY
    summary = json.loads(path.read_text())
    path.write_text(json.dumps(summary | {"digests": run_folder.digests(folder)}))


def two_methods(folder: Path, seeds: Sequence[int] = (0, 1, 2)) -> Comparison:
    """FedAvg, and FedProx that is a little better in every seed, by different amounts."""
    runs = [a_run(folder / f"avg-{seed}", "fedavg", seed, more=seed / 7) for seed in seeds]
    for seed in seeds:
        ap = (0.2 + 0.01 * seed, 0.5, 0.6, 0.9 + 0.003 * seed)
        runs.append(a_run(folder / f"prox-{seed}", "fedprox", seed, ap=ap, more=2 + seed / 3, bytes_down=1500.0))
    return compared_runs(runs, folder / "out", "", "fedreid compare a b")
