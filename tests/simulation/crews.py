"""A crew for many runs, and a view that remembers what it was told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedreid.comparison.run_plan import Step
from fedreid.simulation.many_runs import Crew
from fedreid.simulation.run_events import Failure, RunsView
from fedreid.simulation.watched_run import WatchedRun


class Recorded(RunsView):
    """What the view was told, in words."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, step: Step) -> None:
        self.told.append(f"started {step.variant.name}")

    def ended(self, step: Step, watched: WatchedRun) -> None:
        self.told.append(f"ended {step.variant.name} {watched.round} {watched.score()}")

    def failed(self, failure: Failure, watched: WatchedRun) -> None:
        self.told.append(f"failed {failure.step.variant.name}")

    def message(self, text: str) -> None:
        self.told.append(text)


def crew_of(steps: Sequence[Step], tmp_path: Path, **options: object) -> Crew:
    """Those who make these runs, two at once."""
    return Crew(steps, tmp_path / "base.toml", tmp_path / "logs", **{"at_once": 2} | options)  # type: ignore[arg-type]
