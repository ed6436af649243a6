"""What a terminal and a log show, with a clock that the test turns."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fedreid.progress import LiveProgress, PlainProgress, Progress, duration, progress_for


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


class Terminal:
    """A live view and what it has written above itself."""

    def __init__(self, width: int = 100) -> None:
        self.clock = Clock()
        self.console = Console(
            file=io.StringIO(), force_terminal=True, width=width, record=True, color_system=None, legacy_windows=False
        )
        self.view = LiveProgress(self.console, self.clock, auto_refresh=False)

    def now(self) -> str:
        """The view at the bottom, as text."""
        console = Console(file=io.StringIO(), width=self.console.width, record=True, color_system=None)
        console.print(self.view.render())
        return console.export_text()

    def above(self) -> str:
        """Lines that stay."""
        self.view.close()
        return self.console.export_text()


def play_round(progress: Progress, clock: Clock, number: int, rounds: int = 5, mAP: float = 60.0) -> None:
    """Four clients of 2.5 s and 1,000 images each; 10 s in all."""
    progress.round_started(number, rounds, range(4))
    for client in range(4):
        progress.client_started(client)
        clock.wait(2.5)
        progress.client_done(client, 1000, 1.0 + client)
    progress.round_done(number, {"loss": 2.5, "generic/shop/mAP": mAP})


def test_a_plain_line_for_each_round() -> None:
    stream, clock = io.StringIO(), Clock()
    play_round(PlainProgress(stream, clock), clock, 3, mAP=61.24)
    assert stream.getvalue() == "round 3/5  4 clients  loss 2.500  mAP shop 61.2  400 img/s  left 0:20\n"


def test_plain_lines_when_a_stage_begins_and_ends() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    for done in (0, 500, 1200, 1200):
        progress.stage("decoding shop", done, 1200)
        clock.wait(2)
    progress.stage("pre-training")
    clock.wait(75)
    progress.round_done(0, {"generic/shop/mAP": 54.9})
    progress.close()
    assert stream.getvalue().splitlines() == [
        "decoding shop ... 1,200 to do",
        "decoding shop done in 0:04",
        "pre-training ...",
        "pre-training done in 1:15",
        "start  mAP shop 54.9",
    ]


def test_plain_lines_say_who_failed_and_messages() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.message("resuming after round 1")
    progress.round_started(2, 2, range(2))
    progress.stage("evaluating", 0, 10)
    clock.wait(2)
    progress.client_done(0, 100, 1.0)
    progress.client_failed(1, "ValueError: bad")
    progress.round_done(2, {"loss": 1.0})
    assert stream.getvalue().splitlines() == [
        "resuming after round 1",
        "round 2: client 1 failed: ValueError: bad",
        "round 2/2  1 client  1 failed  loss 1.000  50 img/s  left 0:00",
    ]


def test_the_view_of_a_round_in_flight() -> None:
    terminal = Terminal()
    terminal.view.round_started(1, 2, range(4))
    terminal.view.client_started(0)
    terminal.view.client_started(1)
    terminal.clock.wait(5)
    terminal.view.client_done(0, 1500, 2.25)
    terminal.view.client_failed(2, "OSError: gone")
    shown = terminal.now()
    assert "Round 1 of 2" in shown
    assert "1 done · 1 running · 1 failed · of 4  ●◐✗○" in shown
    assert "300 images/s" in shown
    assert "loss 2.250" in shown
    assert "client 2 failed in round 1: OSError: gone" in terminal.above()


def test_nobody_is_said_to_run_where_starts_are_not_told() -> None:
    terminal = Terminal()
    terminal.view.round_started(1, 2, range(4))
    terminal.clock.wait(5)
    terminal.view.client_done(0, 1500, 2.25)
    assert "running" not in terminal.now()


def test_time_left_comes_from_the_clients_that_are_done_then_from_the_rounds() -> None:
    terminal = Terminal()
    terminal.view.round_started(1, 5, range(4))
    assert "left -:--" in terminal.now()
    terminal.clock.wait(10)
    terminal.view.client_done(0, 10, 1.0)  # a quarter in 10 s: 40 s a round, 190 s to go
    assert "left 3:10" in terminal.now()
    terminal.clock.wait(30)
    terminal.view.round_done(1, {"loss": 1.0})
    assert "left 2:40" in terminal.now()  # 4 rounds of 40 s
    terminal.view.round_started(2, 5, range(4))
    terminal.clock.wait(15)
    assert "left 2:25" in terminal.now()


def test_finished_rounds_stay_as_a_table_with_differences() -> None:
    terminal = Terminal()
    terminal.view.round_done(0, {"generic/shop/mAP": 55.0})
    play_round(terminal.view, terminal.clock, 1, mAP=58.5)
    play_round(terminal.view, terminal.clock, 2, mAP=57.5)
    lines = [line.split() for line in terminal.above().splitlines() if line.strip()]
    assert ["round", "loss", "mAP", "shop", "seconds"] in lines
    assert ["start", "55.0"] in lines
    assert ["1", "2.500", "58.5", "+3.5", "10.0"] in lines
    assert ["2", "2.500", "57.5", "-1.0", "10.0"] in lines


def test_columns_stand_under_their_titles() -> None:
    terminal = Terminal()
    play_round(terminal.view, terminal.clock, 1)
    play_round(terminal.view, terminal.clock, 2)
    table = [line.rstrip() for line in terminal.above().splitlines() if line.split()[:1] in (["round"], ["1"], ["2"])]
    assert len(table) == 3
    assert len(set(map(len, table))) == 1


def test_a_round_that_is_not_evaluated_has_a_dash() -> None:
    terminal = Terminal()
    terminal.view.round_done(0, {"generic/shop/mAP": 55.0})
    terminal.view.round_started(1, 2, [0])
    terminal.clock.wait(3)
    terminal.view.round_done(1, {"loss": 1.5})
    assert ["1", "1.500", "–", "3.0"] in [line.split() for line in terminal.above().splitlines()]


def test_a_stage_has_a_bar_and_its_own_time_left() -> None:
    terminal = Terminal()
    terminal.view.stage("decoding shop", 0, 1000)
    terminal.clock.wait(4)
    terminal.view.stage("decoding shop", 250, 1000)
    shown = terminal.now()
    assert "Decoding shop" in shown
    assert "250 of 1,000" in shown
    assert "left 0:12" in shown


def test_a_thousand_clients_are_counted_not_drawn() -> None:
    terminal = Terminal()
    terminal.view.round_started(1, 2, range(1000))
    assert "○" not in terminal.now()
    assert "of 1000" in terminal.now()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_view_fits_the_terminal(width: int) -> None:
    terminal = Terminal(width)
    terminal.view.round_started(1, 100, range(60))
    terminal.view.stage("evaluating the starting model on every client", 3, 10)
    assert max(map(len, terminal.now().splitlines())) <= width


def test_markup_in_a_text_is_shown_as_it_is() -> None:
    terminal = Terminal()
    terminal.view.message("see [bold]this[/bold]")
    assert "see [bold]this[/bold]" in terminal.above()


def test_the_base_shows_nothing_and_takes_every_call() -> None:
    progress = Progress()
    progress.stage("reading", 1, 2)
    play_round(progress, Clock(), 1)
    progress.client_failed(0, "x")
    progress.message("x")
    progress.close()


def test_the_right_view_for_the_output() -> None:
    assert isinstance(progress_for(io.StringIO()), PlainProgress)
    assert isinstance(progress_for(Console(file=io.StringIO())), PlainProgress)
    live = progress_for(Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "xterm"}))
    live.close()
    assert isinstance(live, LiveProgress)
    dumb = progress_for(Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"}))
    assert isinstance(dumb, PlainProgress)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-:--"), (0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@given(st.lists(st.sampled_from(["stage", "round", "started", "done", "failed", "end"]), max_size=30))
def test_any_order_of_calls_can_be_drawn(calls: list[str]) -> None:
    terminal = Terminal()
    plain = PlainProgress(io.StringIO(), terminal.clock)
    for place, call in enumerate(calls):
        terminal.clock.wait(1)
        for progress in (terminal.view, plain):
            if call == "stage":
                progress.stage("reading", place, 30)
            elif call == "round":
                progress.round_started(1, 3, range(3))
            elif call == "started":
                progress.client_started(1)
            elif call == "done":
                progress.client_done(1, 10, 0.5)
            elif call == "failed":
                progress.client_failed(2, "no")
            else:
                progress.round_done(1, {"generic/shop/mAP": 50.0})
        terminal.now()
    terminal.view.close()
    plain.close()
