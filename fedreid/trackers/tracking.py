"""All trackers of one run. They follow its files: what metrics.csv has and a tracker hasn't is logged, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fedreid import run_folder
from fedreid.trackers.bookmarks import read_bookmarks, write_bookmarks
from fedreid.trackers.figures import RoundFigures, totals
from fedreid.trackers.tracker import Bookmark, Figures, TrackedRun, Tracker

REPORT = "report.html"
Failed = Callable[[Tracker, Exception], None]


class Tracking:
    """Feeds trackers; one that fails is left out from then on, and the others go on.

    Args:
        failed: told once of each tracker that fails.
    """

    def __init__(self, run: TrackedRun, trackers: Sequence[Tracker], failed: Failed) -> None:
        self.run, self.trackers, self.failed = run, list(trackers), failed
        self.figures = RoundFigures(run.path)
        self.bookmarks = read_bookmarks(run.path)
        self.started: set[str] = set()

    def follow(self, last: int) -> None:
        """Log the rounds up to `last` that are in metrics.csv and not yet logged."""
        try:
            rounds = list(self.figures.up_to(last)) if self.trackers else []
        except Exception as error:  # the file was changed by hand
            self._leave_out(self.trackers, error)
            return
        if rounds:
            self._each(lambda tracker: self._log(tracker, rounds))

    def finish(self) -> list[Tracker]:
        """Log what is missing and close, with the figures of the whole run and its report if it is finished.

        Returns:
            The trackers that have it all.
        """
        self.follow(last_round(self.run.path))
        if not self.started:
            return []
        self._each(self._finish)
        return self.trackers

    def _log(self, tracker: Tracker, rounds: Sequence[tuple[int, Figures]]) -> None:
        if tracker.name not in self.started:
            self._mark(tracker, tracker.start(self.run, self.bookmarks.get(tracker.name, Bookmark())))
            self.started.add(tracker.name)
        for number, figures in rounds:
            if number > self.bookmarks[tracker.name].round:
                tracker.log(number, figures)
                self._mark(tracker, replace(self.bookmarks[tracker.name], round=number))

    def _finish(self, tracker: Tracker) -> None:
        summary = self._summary()
        is_finished = summary.get("status") == "finished"
        found = totals(self.run.path, summary) if is_finished else {}
        report = self.run.path / REPORT
        tracker.finish(str(summary.get("status")), found, [report] if is_finished and report.exists() else [])
        self._mark(tracker, replace(self.bookmarks[tracker.name], is_finished=is_finished))

    def _summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.run.path / run_folder.SUMMARY).read_text(encoding="utf-8"))
        return found

    def _mark(self, tracker: Tracker, bookmark: Bookmark) -> None:
        self.bookmarks[tracker.name] = bookmark
        write_bookmarks(self.run.path, self.bookmarks)

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in list(self.trackers):
            try:
                call(tracker)
            except Exception as error:  # whatever its library raises
                self._leave_out([tracker], error)

    def _leave_out(self, trackers: Sequence[Tracker], error: Exception) -> None:
        for tracker in list(trackers):
            self.trackers.remove(tracker)
            self.failed(tracker, error)


def last_round(run_dir: Path) -> int:
    """The last round that a checkpoint vouches for; -1 for none. A finished run may have lost its checkpoints."""
    found = [int(path.name[6:]) for path in (run_dir / "checkpoints").glob("round-*") if path.name[6:].isdigit()]
    try:
        summary = json.loads((run_dir / run_folder.SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        summary = {}
    planned = summary.get("rounds_planned") if isinstance(summary, dict) else None
    if not found and isinstance(planned, int) and summary.get("status") == "finished":
        return planned
    return max(found, default=-1)
