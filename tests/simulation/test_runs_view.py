"""The live table of a comparison: which runs it shows, and what it says of each."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from fedreid.simulation.many_runs import Crew
from fedreid.simulation.run_events import Failure
from fedreid.simulation.runs_view import RunsLines, RunsTable, rows_for, state_of, totals, view_for
from fedreid.simulation.watched_run import WatchedRun


def step(name: str, seed: int = 0, state: str = "missing") -> Any:
    scenario = SimpleNamespace(federation=SimpleNamespace(rounds=5))
    variant = SimpleNamespace(name=name)
    return SimpleNamespaceWithHash(
        variant=variant, seed=seed, scenario=scenario, state=state, folder=Path(name), title=f"{name}, seed {seed}"
    )


class SimpleNamespaceWithHash(SimpleNamespace):
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other


def watched(round: int = -1, **scores: float) -> WatchedRun:
    run = WatchedRun(Path("nowhere"), 5, lambda: 100.0)
    run.round, run.stage, run.started = round, "rounds", 100.0 - 65
    run._times = [(0, 40.0), (round, 100.0)] if round > 0 else []
    for scope, value in scores.items():
        run._scores[scope, "mAP"] = {round: [value]}
    return run


@pytest.fixture
def crew() -> Crew:
    done, going, other, lost, next_one = (step(name) for name in ("Done", "Going", "Other", "Lost", "[b]Next"))
    found = SimpleNamespace(
        steps=(done, going, other, lost, next_one),
        finished=[done],
        running={going: (None, watched(3, generic=51.25, personalized=70.0))},
        elsewhere={other: watched()},
        over={},
        failures=[Failure(lost, "client 3 [x] failed", 1, Path("lost.log"))],
        waiting=[next_one],
        is_stopping=False,
        most_at_once=2,
        seconds_left=lambda: 3725.0,
    )
    found.watched = lambda one: Crew.watched(cast(Crew, found), one)
    return cast(Crew, found)


def drawn(crew: Crew, height: int = 40) -> list[str]:
    console = Console(file=StringIO(), width=120, height=height, force_terminal=True, color_system=None)
    view = RunsTable(console, auto_refresh=False)
    view._crew = crew
    console.print(view.render())
    return [line.rstrip() for line in cast(StringIO, console.file).getvalue().splitlines()]


def test_every_run_has_a_row(crew: Crew) -> None:
    heading, *rows, last = drawn(crew)
    assert heading.split() == ["run", "seed", "state", "round", "generic", "own", "time", "left"]
    cells = [row.split() for row in rows]
    assert cells == [
        ["Done", "0", "finished", "5/5"],
        ["Going", "0", "rounds", "3/5", "mAP", "51.2", "70.0", "1:05", "0:40"],
        ["Other", "0", "elsewhere", "1:05"],
        ["Lost", "0", "failed"],
        ["[b]Next", "0", "waiting"],
    ]
    assert last == "1 of 5 finished · 1 failed · left 1:02:05"


def test_a_run_that_ended_keeps_its_scores(crew: Crew) -> None:
    crew.over[crew.steps[0]] = ended = watched(5, generic=60.0)
    ended.ended = ended.started + 12
    assert drawn(crew)[1].split() == ["Done", "0", "finished", "5/5", "mAP", "60.0", "0:12"]


def test_while_stopping_it_says_so(crew: Crew) -> None:
    crew.is_stopping = True
    assert state_of(crew, crew.steps[1]) == "stopping"
    assert "stopping" in totals(crew)


def test_a_small_terminal_shows_what_is_going_first(crew: Crew) -> None:
    shown, left_out = rows_for(crew, 3)
    assert [one.variant.name for one in shown] == ["Going", "Other"]
    assert left_out == 3
    lines = drawn(crew, height=9)  # four rows, one of which says how many are left out
    assert [line.split()[0] for line in lines[1:4]] == ["Going", "Other", "Lost"]
    assert lines[4] == "... and 2 more"
    assert rows_for(crew, 5) == (list(crew.steps), 0)


def test_failures_stay_above_the_table_and_brackets_are_text(crew: Crew) -> None:
    console = Console(file=StringIO(), width=120, force_terminal=True, color_system=None)
    view = RunsTable(console, auto_refresh=False)
    view.begin(crew)
    view.failed(crew.failures[0], watched())
    view.message("stopping 1 run")
    view.close()
    text = cast(StringIO, console.file).getvalue()
    assert "5 runs: 1 finished, 1 to do; 2 at once." in text
    assert "Lost, seed 0 failed: client 3 [x] failed" in text
    assert "Its log: lost.log" in text
    assert "stopping 1 run" in text


def test_a_pipe_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(view_for(Console(file=StringIO())), RunsLines)
    assert isinstance(view_for(Console(file=StringIO(), force_terminal=True)), RunsTable)


def test_a_closed_pipe_ends_the_lines_and_not_the_runs() -> None:
    class Closed(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    RunsLines(Closed()).message("anybody?")


@pytest.mark.parametrize(
    ("seconds", "going", "waiting", "at_once", "expected"),
    [
        ([], [], 3, 2, None),  # nothing is known
        ([10.0, 20.0], [], 4, 2, 30.0),  # four of 15 seconds, two at a time
        ([], [(10.0, 30.0)], 2, 2, 55.0),  # 30 and two of 40, two at a time
        ([], [(10.0, 90.0)], 0, 2, 90.0),
        ([60.0], [(20.0, None)], 0, 2, 40.0),  # as long as the others took
        ([60.0], [(80.0, None)], 0, 2, 0.0),
    ],
)
def test_the_time_left_of_everything(
    seconds: list[float],
    going: list[tuple[float, float | None]],
    waiting: int,
    at_once: int,
    expected: float | None,
) -> None:
    def run(elapsed: float, left: float | None) -> Any:
        return SimpleNamespace(seconds=lambda: elapsed, seconds_left=lambda: left)

    left: Callable[[Any], float | None] = Crew.seconds_left
    crew = SimpleNamespace(
        seconds=seconds,
        running={number: (None, run(*each)) for number, each in enumerate(going)},
        waiting=[None] * waiting,
        most_at_once=at_once,
    )
    assert left(crew) == expected
