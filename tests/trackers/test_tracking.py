"""Several trackers of one run: what happens when one of them fails, or comes late."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from fedreid.progress import Progress
from fedreid.trackers import Bookmark, TrackedRun, Tracker, tracked
from fedreid.trackers.bookmarks import read_bookmarks
from fedreid.trackers.progress import TrackedProgress
from fedreid.trackers.tracker import Figures
from fedreid.trackers.tracking import Tracking
from tests.trackers.conftest import TOTALS, as_run, write_rounds


class Notebook(Tracker):
    """Writes down what it is told; fails where it is asked to."""

    name: ClassVar[str] = "notebook"

    def __init__(self, name: str = "notebook", fails_in: int | str = "never") -> None:
        self.name, self.fails_in = name, fails_in  # type: ignore[misc]
        self.rounds: list[int] = []
        self.end: tuple[str, dict[str, float], list[str]] | None = None

    def holds(self, run: TrackedRun, bookmark: Bookmark) -> bool:
        return bookmark.round >= 0

    def start(self, run: TrackedRun, before: Bookmark) -> Bookmark:
        self._fail("start")
        return before

    def log(self, round: int, figures: Figures) -> None:
        self._fail(round)
        self.rounds.append(round)

    def finish(self, status: str, totals: Figures, artifacts: Sequence[Path]) -> None:
        self._fail("finish")
        self.end = (status, dict(totals), [path.name for path in artifacts])

    @property
    def command(self) -> str:
        return "less notebook"

    def _fail(self, now: int | str) -> None:
        if now == self.fails_in:
            raise OSError(28, "No space left on device")


class Told(Progress):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@pytest.mark.parametrize(("fails_in", "logged"), [("start", []), (0, []), (1, [0]), ("finish", [0, 1, 2])])
def test_a_tracker_that_fails_is_left_out_and_the_other_goes_on(
    run: TrackedRun, fails_in: int | str, logged: list[int]
) -> None:
    weak, strong, failures = Notebook("weak", fails_in), Notebook("strong"), []
    tracking = Tracking(run, [weak, strong], lambda tracker, error: failures.append((tracker.name, str(error))))
    for number in range(3):
        write_rounds(run.path, number, "finished" if number == 2 else "running")
        tracking.follow(number)
    assert tracking.finish() == [strong]
    assert failures == [("weak", "[Errno 28] No space left on device")], "once"
    assert weak.rounds == logged
    assert strong.rounds == [0, 1, 2]
    assert strong.end == ("finished", TOTALS, ["report.html"])
    if logged:
        assert read_bookmarks(run.path)["weak"] == Bookmark(round=logged[-1])


def test_a_run_that_is_stopped_has_no_totals_yet_and_goes_on_where_it_was(run: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    write_rounds(run.path, 1, "interrupted")
    first, second = Notebook(), Notebook()
    Tracking(run, [first], nothing_fails).finish()
    assert (first.rounds, first.end) == ([0, 1], ("interrupted", {}, []))
    write_rounds(run.path, 2, "finished")
    Tracking(run, [second], nothing_fails).finish()
    assert second.rounds == [2]
    assert second.end == ("finished", TOTALS, ["report.html"])


def test_a_run_killed_after_its_last_round_is_still_closed(run: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    write_rounds(run.path, 2)
    Tracking(run, [Notebook()], nothing_fails).follow(2)
    write_rounds(run.path, 2, "finished")
    last = Notebook()
    Tracking(run, [last], nothing_fails).finish()
    assert (last.rounds, last.end) == ([], ("finished", TOTALS, ["report.html"]))


def test_a_run_that_came_to_nothing_starts_no_tracker(run: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    notebook = Notebook(fails_in="start")
    assert Tracking(run, [notebook], nothing_fails).finish() == []
    assert sorted(path.name for path in run.path.iterdir()) == ["scenario.toml"]


def test_a_table_that_was_changed_by_hand_stops_trackers_but_not_the_run(run: TrackedRun) -> None:
    write_rounds(run.path, 1)
    path = run.path / "metrics.csv"
    path.write_text(path.read_text() + "1,generic,,shop,mAP,twelve\n")
    failures: list[str] = []
    tracking = Tracking(run, [Notebook("a"), Notebook("b")], lambda tracker, _: failures.append(tracker.name))
    tracking.follow(1)
    assert tracking.finish() == []
    assert failures == ["a", "b"]


def test_bookmarks_that_are_no_bookmarks_are_forgotten(run: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    write_rounds(run.path, 1)
    for text in ("{", "[]", '{"notebook": 3}', '{"notebook": {"page": 3}}', '{"notebook": {"round": "x"}}'):
        (run.path / "trackers.json").write_text(text)
        notebook = Notebook()
        Tracking(run, [notebook], nothing_fails).follow(1)
        assert notebook.rounds == [0, 1]


def test_a_run_without_trackers_is_shown_as_it_is(run: TrackedRun) -> None:
    progress = Told()
    with tracked(progress, run.path) as shown:
        assert shown is progress


def test_a_run_is_told_of_a_tracker_that_fails_and_of_one_that_has_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, told = as_run(tmp_path / "run", ["tensorboard", "wandb"]), Told()
    trackers = [Notebook("tensorboard", 1), Notebook("wandb")]
    monkeypatch.setattr("fedreid.trackers.progress.open_trackers", lambda names: trackers)
    with tracked(told, run.path) as shown:
        assert isinstance(shown, TrackedProgress)
        for number in range(3):
            write_rounds(run.path, number, "finished" if number == 2 else "running")
            shown.round_done(number, {})
    failed, done = told.messages
    assert failed.startswith("the run goes on without tensorboard, which failed: OSError: [Errno 28] No space left")
    assert failed.endswith(f"fedreid track {run.path} --to tensorboard")
    assert done == "tracked by wandb: less notebook"


def test_every_event_of_a_run_is_passed_on() -> None:
    calls: list[str] = []

    class Every(Progress):
        def __getattribute__(self, name: str):  # type: ignore[no-untyped-def]
            return lambda *_: calls.append(name)

    shown = TrackedProgress(Every(), tracking=None)  # type: ignore[arg-type]
    shown.stage("reading"), shown.round_started(1, 2, [0]), shown.client_started(0), shown.client_done(0, 8, 0.5)
    shown.client_failed(1, "why"), shown.message("text"), shown.close()
    passed = {"stage", "round_started", "client_started", "client_done", "client_failed", "message", "close"}
    assert {*calls} == passed
    assert passed | {"round_done"} == {name for name in vars(Progress) if not name.startswith("_")}
