"""What trackers are given: the rows of a run's tables, folded into one figure for each name and round."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from fedreid import run_folder
from fedreid.trackers.tracker import Figures

COUNTS = ("queries", "skipped", "genuine_pairs", "impostor_pairs", "mated_probes", "non_mated_probes")


class Row(NamedTuple):
    """A line of metrics.csv."""

    round: int
    scope: str
    client: str
    dataset: str
    metric: str
    value: float

    @property
    def name(self) -> str:
        return "/".join(part for part in (self.scope, self.dataset, self.metric) if part)


class RoundFigures:
    """Reads metrics.csv as it grows: each line once.

    Scores are named and folded as summary.json does it, "personalized/market1501/mAP" being the mean over clients,
    each with its own last score: the last round has the figures of summary.json. Of training ("train/loss") it is the
    mean over the round's clients, of costs ("cost/bytes_up") their sum.
    """

    def __init__(self, run_dir: Path) -> None:
        self.path, self.offset = run_dir / run_folder.METRICS, 0
        self.waiting: list[Row] = []
        self.scores: defaultdict[str, dict[str, float]] = defaultdict(dict)  # by name and client, the last ones
        self.from_start: set[str] = set()  # names that have only been scored before the first round

    def up_to(self, last: int) -> Iterator[tuple[int, Figures]]:
        """Each round that is new and not after `last`, with its figures."""
        self.waiting += self._new_rows()
        ready = [row for row in self.waiting if row.round <= last]
        self.waiting = [row for row in self.waiting if row.round > last]
        for number in sorted({row.round for row in ready}):
            yield number, self._fold([row for row in ready if row.round == number])

    def _new_rows(self) -> list[Row]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]  # a kill may have cut the last line
        lines = whole.decode().splitlines()
        lines = lines[1:] if not self.offset else lines
        self.offset += len(whole)
        return [
            Row(int(number), scope, client, dataset, metric, float(value))
            for number, scope, client, dataset, metric, value in csv.reader(lines)
        ]

    def _fold(self, rows: list[Row]) -> dict[str, float]:
        scores = [row for row in rows if row.scope in ("generic", "personalized") and not is_count(row.metric)]
        figures = self._scores(scores)
        by_name: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if row.scope in ("train", "cost"):
                by_name[row.name].append(row)
        for name, found in by_name.items():
            of_all = [row for row in found if not row.client] or found  # a row of the whole federation wins
            figures[name] = (fmean if name.startswith("train/") else sum)(row.value for row in of_all)
        return figures

    def _scores(self, rows: list[Row]) -> dict[str, float]:
        for row in rows:
            if row.round == 0:
                self.from_start.add(row.name)
            elif row.name in self.from_start:  # from now on those who were never scored again don't count
                self.from_start.discard(row.name)
                self.scores[row.name].clear()
            self.scores[row.name][row.client] = row.value
        return {name: fmean(self.scores[name].values()) for name in dict.fromkeys(row.name for row in rows)}


def is_count(metric: str) -> bool:
    """Whether a score is a number of queries or pairs, and no percentage."""
    return metric.rpartition("/")[2] in COUNTS


def totals(run_dir: Path, summary: Mapping[str, Any]) -> dict[str, float]:
    """Figures of the whole run that no round has: time, traffic, and the mean of each reference over the clients."""
    found = {
        f"{section}/{name}": float(value)
        for section in ("timing", "traffic")
        for name, value in summary.get(section, {}).items()
    }
    return found | _references(run_dir / run_folder.REFERENCES)


def _references(path: Path) -> dict[str, float]:
    if not path.exists():
        return {}
    by_name: defaultdict[str, list[float]] = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if not is_count(row["metric"]):
                name = "/".join(row[key] for key in ("reference", "scope", "dataset", "metric"))
                by_name[name].append(float(row["value"]))
    return {name: fmean(values) for name, values in by_name.items()}
