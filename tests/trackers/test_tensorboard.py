"""Event files, read back by TensorBoard's own EventAccumulator."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fedreid.trackers import TrackedRun
from fedreid.trackers.bookmarks import read_bookmarks, write_bookmarks
from fedreid.trackers.tensorboard_events import TensorBoard
from fedreid.trackers.tracking import Tracking
from tests.trackers.conftest import SERIES, TOTALS, write_rounds


def read(run: TrackedRun) -> EventAccumulator:
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    return events


def series(run: TrackedRun) -> dict[str, list[tuple[int, float | None]]]:
    events = read(run)
    return {
        tag: [(event.step, None if event.value != event.value else event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_event_files_have_each_round_once_under_the_names_of_the_summary(finished: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    Tracking(finished, [TensorBoard()], nothing_fails).finish()
    assert series(finished) == SERIES | {name: [(2, value)] for name, value in TOTALS.items()}
    (text,) = read(finished).Tensors("scenario/text_summary")
    assert 'name = "shop"' in text.tensor_proto.string_val[0].decode()


@pytest.mark.parametrize("lost", [0, 1], ids=["bookmark up to date", "killed before the bookmark"])
def test_a_resumed_run_goes_on_without_a_round_twice(run: TrackedRun, nothing_fails, lost: int) -> None:  # type: ignore[no-untyped-def]
    write_rounds(run.path, 1)
    Tracking(run, [TensorBoard()], nothing_fails).follow(1)  # and then it is killed
    bookmark = read_bookmarks(run.path)["tensorboard"]
    write_bookmarks(run.path, {"tensorboard": replace(bookmark, round=bookmark.round - lost)})
    write_rounds(run.path, 2, "finished")
    resumed = Tracking(run, [TensorBoard()], nothing_fails)
    resumed.follow(2)
    resumed.finish()
    assert series(run) == SERIES | {name: [(2, value)] for name, value in TOTALS.items()}


def test_event_files_that_were_removed_are_written_again(finished: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    Tracking(finished, [TensorBoard()], nothing_fails).finish()
    shutil.rmtree(finished.path / "tensorboard")
    Tracking(finished, [TensorBoard()], nothing_fails).finish()
    assert series(finished)["generic/shop/mAP"] == SERIES["generic/shop/mAP"]
