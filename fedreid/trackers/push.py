"""Runs that are over, or were never tracked: what their folders have goes to trackers afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from fedreid import run_folder
from fedreid.errors import RunError, UserError
from fedreid.scenario import Scenario, load_scenario
from fedreid.scenario.fields import allowed
from fedreid.scenario.tracking_schema import TrackingSettings
from fedreid.trackers.bookmarks import read_bookmarks
from fedreid.trackers.libraries import MODULES, open_trackers, refuse_places
from fedreid.trackers.tracker import Bookmark, TrackedRun, Tracker
from fedreid.trackers.tracking import Tracking, last_round


@dataclass(frozen=True)
class Pushed:
    """A run in a tracker.

    Attributes:
        tracker: "tensorboard", "mlflow" or "wandb".
        is_new: False where it had everything already.
        command: what to type in order to look at it; empty where it had everything.
    """

    run_dir: Path
    tracker: str
    is_new: bool
    command: str


def track(run_dir: str | Path, *, to: Sequence[str] = (), mlflow_folder: str = "", project: str = "") -> list[Pushed]:
    """Give a run to trackers; what they have of it already isn't given again.

    Args:
        run_dir: a run folder; of a run that isn't finished, the rounds that are saved.
        to, mlflow_folder, project: instead of the run's own `[tracking]`.

    Raises:
        UserError: not a run folder, one that is in use, damaged or without a finished round, no tracker named, no such
            library.
        RunError: a tracker failed.
    """
    folder = Path(run_dir).absolute()
    if not (folder / run_folder.SCENARIO).is_file():
        raise UserError(f"{run_dir} is not a run folder: it has no {run_folder.SCENARIO}.")
    run = TrackedRun(folder, _with(load_scenario(folder / run_folder.SCENARIO).scenario, to, mlflow_folder, project))
    names = run.scenario.tracking.to
    if not names:
        raise UserError(f"{run_dir} names no tracker: say --to {', --to '.join(MODULES)}, one or more of them.")
    trackers = open_trackers(names)
    refuse_places(run)
    if last_round(folder) < 0:
        raise UserError(f"{run_dir} has no finished round. Go on with it: fedreid resume {run_dir}")
    with run_folder.locked(folder):
        _refuse_damaged(folder)
        return [_push(run, tracker) for tracker in trackers]


def _with(scenario: Scenario, to: Sequence[str], mlflow_folder: str, project: str) -> Scenario:
    if unknown := [name for name in to if name not in MODULES]:
        raise UserError(f"--to {unknown[0]}: expected one of {', '.join(MODULES)}.")
    changes = {"to": tuple(dict.fromkeys(to)), "mlflow_folder": mlflow_folder, "project": project}
    given = {name: value for name, value in changes.items() if value}
    try:
        tracking = TrackingSettings.model_validate(scenario.tracking.model_dump() | given)
    except ValidationError:
        expected = allowed(TrackingSettings.model_fields["project"])
        raise UserError(f"--project {project}: expected {expected}.") from None
    return scenario.model_copy(update={"tracking": tracking})


def _refuse_damaged(folder: Path) -> None:
    """A finished run's files are those that it wrote; of one that goes on, the last line may be cut short."""
    from fedreid.comparison.intact import finished_summary, is_verified  # pandas takes a second
    from fedreid.comparison.run_plan import status_of
    from fedreid.comparison.tables import read_table

    if status_of(folder) in ("running", "interrupted", "failed"):
        return
    try:
        is_verified(folder, finished_summary(folder))
        read_table(folder, run_folder.METRICS)
        if (folder / run_folder.REFERENCES).is_file():
            read_table(folder, run_folder.REFERENCES)
    except OSError as error:
        raise UserError(f"{error.filename or folder}: can't be read: {error.strerror}") from None


def _push(run: TrackedRun, tracker: Tracker) -> Pushed:
    before = read_bookmarks(run.path).get(tracker.name, Bookmark())
    if before.is_finished and tracker.holds(run, before):
        return Pushed(run.path, tracker.name, False, "")
    if not Tracking(run, [tracker], _fail).finish():
        raise UserError(f"{run.path / run_folder.METRICS}: there is no round in it. Copy the run folder again.")
    return Pushed(run.path, tracker.name, True, tracker.command)


def _fail(tracker: Tracker, error: Exception) -> NoReturn:
    raise RunError(f"{tracker.name} failed: {type(error).__name__}: {error}") from error
