"""`fedreid track`: runs that are over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import fedreid
from fedreid import run_folder
from fedreid.errors import RunError, UserError
from fedreid.trackers import TrackedRun
from fedreid.trackers.tensorboard_events import TensorBoard
from tests.trackers.conftest import as_run, write_rounds
from tests.trackers.test_mlflow import MLFLOW_SERIES, read, series

Command = Callable[..., tuple[int, str, str]]


def steps(run: TrackedRun) -> list[int]:
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    return [event.step for event in events.Scalars("generic/shop/mAP")]


def test_a_finished_run_is_pushed_once(fedreid_command: Command, finished: TrackedRun) -> None:
    arguments = ("track", finished.path, "--to", "tensorboard")
    assert fedreid_command(*arguments)[:2] == (
        0,
        f"{finished.path}: tensorboard: tensorboard --logdir {finished.path / 'tensorboard'}\n",
    )
    files = sorted((finished.path / "tensorboard").iterdir())
    assert fedreid_command(*arguments)[:2] == (0, f"{finished.path}: tensorboard: had it already\n")
    assert sorted((finished.path / "tensorboard").iterdir()) == files
    assert steps(finished) == [0, 1, 2]


def test_several_runs_go_to_one_store(fedreid_command: Command, tmp_path: Path) -> None:
    runs = [as_run(tmp_path / name) for name in ("monday", "tuesday")]
    for run in runs:
        write_rounds(run.path, 2, "finished")
    store = tmp_path / "store"
    paths = [run.path for run in runs]
    status, _, errors = fedreid_command(
        "track", *paths, "--to", "mlflow", "--mlflow-folder", store, "--project", "market"
    )
    assert status == 0, errors
    client, found = read(store, "market")
    assert {run.info.run_name for run in found} == {"monday", "tuesday"}
    assert all(series(client, run).items() >= MLFLOW_SERIES.items() for run in found)


def test_another_store_gets_the_run_as_well(finished: TrackedRun, tmp_path: Path) -> None:
    for store in ("one", "two", "two"):
        fedreid.track(finished.path, to=["mlflow"], mlflow_folder=str(tmp_path / store))
    for store in ("one", "two"):
        client, (run,) = read(tmp_path / store)
        assert series(client, run)["train/loss"] == MLFLOW_SERIES["train/loss"]


def test_a_run_that_was_killed_gives_the_rounds_that_a_checkpoint_vouches_for(run: TrackedRun) -> None:
    write_rounds(run.path, 2)
    (run.path / "checkpoints" / "round-0002").rename(run.path / "checkpoints" / "round-0001")
    (pushed,) = fedreid.track(run.path, to=["tensorboard"])
    assert pushed.is_new
    assert steps(run) == [0, 1]


def test_a_finished_run_without_checkpoints_is_whole(finished: TrackedRun) -> None:
    (finished.path / "checkpoints" / "round-0002").rmdir()
    fedreid.track(finished.path, to=["tensorboard"])
    assert steps(finished) == [0, 1, 2]


def test_the_runs_own_trackers_are_meant_where_none_is_named(tmp_path: Path) -> None:
    run = as_run(tmp_path / "run", ["tensorboard"])
    write_rounds(run.path, 2, "finished")
    (pushed,) = fedreid.track(run.path)
    assert pushed.tracker == "tensorboard"


def test_mistakes_are_told(finished: TrackedRun, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is not a run folder: it has no scenario\.toml"):
        fedreid.track(tmp_path, to=["mlflow"])
    with pytest.raises(UserError, match="names no tracker: say --to tensorboard, --to mlflow, --to wandb"):
        fedreid.track(finished.path)
    with pytest.raises(UserError, match="--to comet: expected one of tensorboard, mlflow, wandb"):
        fedreid.track(finished.path, to=["comet"])
    with pytest.raises(UserError, match="--project a/b: expected text of letters, digits"):
        fedreid.track(finished.path, to=["tensorboard"], project="a/b")
    empty = as_run(tmp_path / "empty")
    with pytest.raises(UserError, match="has no finished round"):
        fedreid.track(empty.path, to=["tensorboard"])
    with run_folder.locked(finished.path), pytest.raises(UserError, match="in use by another process"):
        fedreid.track(finished.path, to=["tensorboard"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "metrics.csv",
            "round,scope,client,dataset,metric,value\n2,generic,,shop,mAP,x\n",
            "metrics.csv: damaged: line 2",
        ),
        ("metrics.csv", "round,scope,client,dataset,metric,value\n", "metrics.csv: there is no round in it"),
        ("metrics.csv", "", "metrics.csv: damaged: not a table"),
        ("references.csv", "a,b\n", "references.csv: damaged: expected the columns reference"),
        ("summary.json", "[]", "summary.json: damaged: not the summary of a run"),
        (
            "summary.json",
            '{"status": "finished", "timing": []}',
            r"summary.json: damaged: timing = \[\], expected names",
        ),
        (
            "summary.json",
            '{"status": "finished", "digests": {"metrics.csv": "0"}}',
            "metrics.csv: edited after the run",
        ),
    ],
)
def test_files_that_are_damaged_or_edited_are_named_and_blame_no_tracker(
    finished: TrackedRun, name: str, text: str, message: str
) -> None:
    (finished.path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        fedreid.track(finished.path, to=["tensorboard"])
    assert not (finished.path / "tensorboard").exists()


def test_a_summary_that_tells_no_rounds_vouches_for_none(finished: TrackedRun) -> None:
    (finished.path / "checkpoints" / "round-0002").rmdir()
    (finished.path / "summary.json").write_text('{"status": "finished", "rounds_planned": "two"}')
    with pytest.raises(UserError, match="has no finished round"):
        fedreid.track(finished.path, to=["tensorboard"])


def test_a_tracker_that_fails_is_a_failure_of_the_command(
    finished: TrackedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TensorBoard, "log", fails)
    with pytest.raises(RunError, match=r"tensorboard failed: OSError: \[Errno 28\] No space left on device"):
        fedreid.track(finished.path, to=["tensorboard"])
