"""Made-up run folders with scores that a test chooses: each query's average precision, each client's mAP."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fedreid import run_folder
from fedreid.scenario import to_toml
from fedreid.scenario.files import merge, parse_overrides
from fedreid.scenario.schema import Scenario

BASE = {"name": "made-up", "data": {"sources": {"shop": {"format": "synthetic"}}}}
HEADER = ["round", "scope", "client", "dataset", "metric", "value"]


def make_run(
    folder: Path,
    *,
    seed: int = 0,
    settings: Sequence[str] = (),
    ap: Mapping[str, Sequence[float | None]] | None = None,
    people: Sequence[int] | None = None,
    clients: Mapping[int, float] | None = None,
    homes: Mapping[int, str] | None = None,
    alone: Mapping[int, float] | None = None,
    generic: Mapping[str, float] | None = None,
    splits: Mapping[str, str] | None = None,
    summary: Mapping[str, Any] | None = None,
) -> Path:
    """Write a finished run and return its folder.

    Args:
        settings: `key=value`, on top of the defaults.
        ap: by test set, each query's average precision as a share; None: it has no match. Its first match is on rank 1
            where that is at least one half, else on rank 2.
        people: identity of each query; without, each is another person.
        clients: personalized mAP in percent, by client.
        homes: the dataset of a client's people, where it isn't "shop".
        alone: the same of each client trained alone.
        generic: other generic scores, "DATASET/METRIC", in percent.
        splits: files of splits/; without, the same for all runs of a seed.
        summary: what is otherwise in summary.json.
    """
    folder.mkdir(parents=True)
    scenario = Scenario.model_validate(merge(BASE, parse_overrides([*settings, f"seed={seed}"])))
    (folder / "scenario.toml").write_text(to_toml(scenario))
    rows: list[list[object]] = []
    for dataset, values in (ap or {}).items():
        rows += [[2, "generic", "", *row] for row in _queries(folder, dataset, values, people)]
    rows += [[2, "generic", "", *name.split("/", 1), value] for name, value in (generic or {}).items()]
    whose = {client: (homes or {}).get(client, "shop") for client in clients or {}}
    rows += [[2, "personalized", client, whose[client], "mAP", value] for client, value in (clients or {}).items()]
    start = [[0, *row[1:5], 1.0] for row in rows]
    _write(folder / "metrics.csv", HEADER, [*start, *rows])
    references = [
        ["local_only", "personalized", client, "shop", "mAP", value] for client, value in (alone or {}).items()
    ]
    _write(folder / "references.csv", ["reference", *HEADER[1:]], references)
    _write(folder / "timing.csv", ["round", "client", "metric", "value"], [[2, "", "evaluate_seconds", 0.5]])
    (folder / "splits").mkdir()
    for name, text in (splits or {"client-000.csv": f"people of seed {seed}", "generic-shop.csv": "queries"}).items():
        (folder / "splits" / name).write_text(text)
    write_summary(folder, rows, summary or {})
    return folder


def write_summary(folder: Path, rows: Sequence[Sequence[Any]], changes: Mapping[str, Any]) -> None:
    """summary.json as a run writes it, as far as comparisons read it."""
    found: dict[str, list[float]] = {}
    for _, scope, _, dataset, metric, value in rows:
        if metric not in ("queries", "skipped"):
            found.setdefault(f"{scope}/{dataset}/{metric}", []).append(float(value))
    summary = {
        "status": "finished", "rounds": 2, "rounds_planned": 2, "versions": {"fedreid": "0.0.9"},
        "final": {name: sum(values) / len(values) for name, values in found.items()},
        "digests": run_folder.digests(folder),
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary | dict(changes)))


def _queries(
    folder: Path, dataset: str, ap: Sequence[float | None], people: Sequence[int] | None
) -> list[list[object]]:
    """The file of a test set's queries; returns the rows of metrics.csv."""
    (folder / "queries").mkdir(exist_ok=True)
    ranks = [None if value is None else (1 if value >= 0.5 else 2) for value in ap]
    rows = [
        [0, person, 1, "" if value is None else value, "" if value is None else value / 2, rank or ""]
        for person, value, rank in zip(people or range(1, len(ap) + 1), ap, ranks, strict=True)
    ]
    _write(folder / "queries" / f"{dataset}.csv", ["draw", "identity", "camera", "AP", "INP", "rank"], rows)
    known = [value for value in ap if value is not None]
    first = [rank for rank in ranks if rank is not None]
    return [
        [dataset, "mAP", 100 * sum(known) / len(known)],
        [dataset, "rank1", 100 * sum(rank == 1 for rank in first) / len(first)],
        [dataset, "queries", len(known)],
        [dataset, "skipped", len(ap) - len(known)],
    ]


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
