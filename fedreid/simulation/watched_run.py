"""How far a run is, read off its folder from outside: the round, the newest scores and the time that is left."""

from __future__ import annotations

import csv
import io
import math
import time
from pathlib import Path
from statistics import fmean

from fedreid import run_folder
from fedreid.tally import ROUNDS_REMEMBERED, Clock

METRICS = "metrics.csv"
SPLITS = Path("splits") / "data.json"
HEADLINES = ("mAP", "accuracy", "TAR@FAR=1e-4", "TAR@FAR=1e-3", "TAR@FAR=1e-2")  # the first that a run has


class WatchedRun:
    """A run that another process makes. `look` reads what was added to its tables since the last look.

    Attributes:
        round: the last one that is complete; -1 before the start was evaluated.
        stage: what it is about in a word: "starting", "images", "pre-training", "rounds" or "references".
    """

    def __init__(self, run_dir: Path, rounds: int, clock: Clock = time.monotonic) -> None:
        self.run_dir, self.rounds, self.clock = run_dir, rounds, clock
        self.round, self.stage = -1, "starting"
        self.started, self.ended = clock(), math.inf
        self._offset, self._rest = 0, b""
        self._scores: dict[tuple[str, str], dict[int, list[float]]] = {}
        self._times: list[tuple[int, float]] = []

    def look(self) -> None:
        """Read what is new; a few microseconds where nothing is."""
        before = self.round
        self._read_metrics()
        if self.round < before:
            self._times = []
        if self.round != before and self.round >= 0:
            self._times = [*self._times, (self.round, self.clock())][-ROUNDS_REMEMBERED - 1 :]
        self.stage = self._stage()

    def _stage(self) -> str:
        if self.round >= self.rounds:
            return "references"
        if self.round >= 0:
            return "rounds"
        if self.is_prepared:
            return "start"
        return "pre-training" if self.has_data else "images" if self.run_dir.exists() else "starting"

    @property
    def has_data(self) -> bool:
        """Its images are decoded and distributed."""
        return (self.run_dir / SPLITS).exists()

    @property
    def is_prepared(self) -> bool:
        """It has its starting model: what others with the same start find in the cache."""
        return (self.run_dir / run_folder.SETUP).exists()

    def _read_metrics(self) -> None:
        path = self.run_dir / METRICS
        try:
            size = path.stat().st_size
            if size < self._offset:  # a run that goes on has dropped what came after its checkpoint
                self._offset, self._rest, self.round, self._scores = 0, b"", -1, {}
            if size == self._offset:
                return
            with path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
        except OSError:
            return
        self._offset += len(content)
        *whole, self._rest = (self._rest + content).split(b"\n")  # the last line may still be written
        for row in csv.reader(io.StringIO(b"\n".join(whole).decode("utf-8", "replace"))):
            if len(row) == 6 and row[0].isdigit():
                self._note(int(row[0]), row[1], row[4], row[5])

    def _note(self, number: int, scope: str, metric: str, value: str) -> None:
        self.round = max(self.round, number)
        if scope in ("generic", "personalized") and metric in HEADLINES:
            by_round = self._scores.setdefault((scope, metric), {})
            for earlier in [earlier for earlier in by_round if earlier < number]:
                del by_round[earlier]
            by_round.setdefault(number, []).append(float(value))

    def score(self, scope: str = "generic") -> tuple[str, float] | None:
        """(metric, value in percent) of the last evaluation: the mean over test sets, or over clients."""
        for metric in HEADLINES:
            for values in self._scores.get((scope, metric), {}).values():
                known = [value for value in values if not math.isnan(value)]
                return (metric, fmean(known)) if known else None
        return None

    def seconds(self) -> float:
        """Since it was started here, until it ended."""
        return min(self.clock(), self.ended) - self.started

    def seconds_left(self) -> float | None:
        """Of its rounds, from the last ones; None: too early to say, or after the last one."""
        if len(self._times) < 2 or self.round >= self.rounds:
            return None
        (first, then), (last, now) = self._times[0], self._times[-1]
        per_round = (now - then) / (last - first)
        return max(0.0, (self.rounds - last) * per_round - (self.clock() - now))


def share_done(run: WatchedRun) -> float:
    """Share of a run's rounds that are complete, 0 to 1."""
    return min(1.0, max(0, run.round) / run.rounds)
