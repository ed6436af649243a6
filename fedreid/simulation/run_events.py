"""What is told of many runs, whoever shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedreid.comparison.failures import Failure
from fedreid.comparison.run_plan import Step
from fedreid.simulation.watched_run import WatchedRun

if TYPE_CHECKING:
    from fedreid.simulation.many_runs import Crew


__all__ = ["Failure", "RunsView"]


class RunsView:
    """Told what becomes of the runs; this base shows nothing."""

    def begin(self, crew: Crew) -> None:
        """The runs are going to be made."""

    def started(self, step: Step) -> None:
        """A run was started, or goes on."""

    def ended(self, step: Step, watched: WatchedRun) -> None:
        """A run is finished."""

    def failed(self, failure: Failure, watched: WatchedRun) -> None:
        """A run failed; the others go on."""

    def message(self, text: str) -> None:
        """A line for the reader that stays."""

    def close(self) -> None:
        """Nothing more is going to happen."""
