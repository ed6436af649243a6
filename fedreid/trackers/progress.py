"""Where a run meets its trackers: they are told when a round is done, that is when it is saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fedreid import run_folder
from fedreid.progress import Progress
from fedreid.scenario import load_scenario
from fedreid.trackers.libraries import open_trackers, refuse_places
from fedreid.trackers.tracker import TrackedRun, Tracker
from fedreid.trackers.tracking import Tracking


@contextmanager
def tracked(progress: Progress, run_dir: Path) -> Iterator[Progress]:
    """While open, the trackers that the run's scenario names follow the run; without any, `progress` as it is.

    Raises:
        UserError: a tracker's library is missing, or its folder can't be one.
    """
    run = TrackedRun(run_dir, load_scenario(run_dir / run_folder.SCENARIO).scenario)
    trackers = open_trackers(run.scenario.tracking.to)
    if not trackers:
        yield progress
        return
    refuse_places(run)
    tracking = Tracking(run, trackers, lambda tracker, error: progress.message(_left_out(tracker, error, run_dir)))
    try:
        yield TrackedProgress(progress, tracking)
    finally:
        for tracker in tracking.finish():
            progress.message(f"tracked by {tracker.name}: {tracker.command}")


def _left_out(tracker: Tracker, error: Exception, run_dir: Path) -> str:
    return (
        f"the run goes on without {tracker.name}, which failed: {type(error).__name__}: {error}\n"
        f"  When the run is over: fedreid track {run_dir} --to {tracker.name}"
    )


class TrackedProgress(Progress):
    """Passes every event on; after each round, trackers get what the run has written down."""

    def __init__(self, inner: Progress, tracking: Tracking) -> None:
        self.inner, self.tracking = inner, tracking

    def stage(self, name: str, done: int = 0, total: int = 0) -> None:
        self.inner.stage(name, done, total)

    def round_started(self, round: int, rounds: int, clients: Sequence[int]) -> None:
        self.inner.round_started(round, rounds, clients)

    def client_started(self, client: int) -> None:
        self.inner.client_started(client)

    def client_done(self, client: int, images: int, loss: float) -> None:
        self.inner.client_done(client, images, loss)

    def client_failed(self, client: int, reason: str) -> None:
        self.inner.client_failed(client, reason)

    def round_done(self, round: int, metrics: Mapping[str, float]) -> None:
        self.inner.round_done(round, metrics)
        self.tracking.follow(round)

    def message(self, text: str) -> None:
        self.inner.message(text)

    def close(self) -> None:
        self.inner.close()
