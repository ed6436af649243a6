"""The tables of a run: metrics.csv (no clock in it: equal runs give equal files), timing.csv and references.csv."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fedreid import run_folder, wire

METRICS_HEADER = ("round", "scope", "client", "dataset", "metric", "value")
TIMING_HEADER = ("round", "client", "metric", "value")
REFERENCES_HEADER = ("reference", "scope", "client", "dataset", "metric", "value")

Cell = str | int | float


class Table:
    """A CSV file that grows by whole batches of rows."""

    def __init__(self, path: Path, header: tuple[str, ...]) -> None:
        self.path, self.header = path, header
        self._pending: list[tuple[Cell, ...]] = []

    def add(self, *row: Cell) -> None:
        """Keep a row until the next commit. Floats are written so that reading them gives the same bits."""
        self._pending.append(row)

    def commit(self) -> None:
        """Append the pending rows and flush them to the disk; on a full disk, none of them."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        size = self.path.stat().st_size if self.path.exists() else 0
        if not size:
            writer.writerow(self.header)
        writer.writerows(self._pending)
        try:
            with self.path.open("ab") as file:
                file.write(text.getvalue().encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            if self.path.exists():
                os.truncate(self.path, size)
            raise
        self._pending.clear()

    def rows(self) -> list[dict[str, str]]:
        """Committed rows, as text; a last line cut off by a kill is left out."""
        if not self.path.exists():
            return []
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        return [row for row in csv.DictReader(io.StringIO(whole)) if None not in row.values() and None not in row]

    def keep(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Rewrite the file with these rows only."""
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.header, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        temporary.replace(self.path)


class Records:
    """The three tables of one run."""

    def __init__(self, run_dir: Path) -> None:
        self.metrics = Table(run_dir / run_folder.METRICS, METRICS_HEADER)
        self.timing = Table(run_dir / "timing.csv", TIMING_HEADER)
        self.references = Table(run_dir / run_folder.REFERENCES, REFERENCES_HEADER)

    def rewind(self, last_round: int | None) -> None:
        """Drop what was written after the checkpoint that the run continues from (None: before the first round)."""
        for table in (self.metrics, self.timing):
            if table.path.exists():
                limit = -1 if last_round is None else last_round
                table.keep([row for row in table.rows() if int(row["round"]) <= limit])

    def commit(self) -> None:
        """Write what was added since the last time."""
        for table in (self.metrics, self.timing):
            table.commit()

    def ranking(
        self, server_round: int, scope: str, metrics: Mapping[str, float], *, dataset: str, client: Cell = ""
    ) -> None:
        """The rows of one evaluation."""
        for metric, value in metrics.items():
            self.metrics.add(server_round, scope, client, dataset, metric, value)


def score_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The scores among a client's metrics: ranking as the tables print it (counts only if nothing could be found),
    then verification and identification, then the same for other models, with their name in front of a slash."""
    counts = ("queries", "skipped")
    names = counts if metrics.get("queries") == 0 else wire.RANKING_METRICS
    scores = {metric: metrics[metric] for metric in names if metric in metrics}
    scores |= {
        metric: value
        for metric, value in metrics.items()
        if metric.startswith(wire.OPEN_SET_PREFIXES) or metric in wire.OPEN_SET_COUNTS
    }
    if not any(metric.startswith(wire.LOCAL_MODEL) for metric in metrics):
        return scores
    plain = {metric.removeprefix(wire.LOCAL_MODEL): metrics[metric] for metric in metrics if ":" in metric}
    return scores | {f"local_model/{metric}": value for metric, value in score_metrics(plain).items()}
