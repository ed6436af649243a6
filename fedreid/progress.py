"""What a run shows while it runs: a live view in a terminal, plain lines anywhere else.

The server tells a `Progress` what happens; drawing is this module's business alone. A call only counts, in a few
microseconds; the terminal is redrawn four times a second, whatever the number of clients.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fedreid.tally import Clock, Tally, duration

REFRESH_PER_SECOND = 4
MOST_DOTS = 60  # clients that are drawn one by one; above, only counted


class Progress:
    """Told what happens during a run; this base shows nothing."""

    def stage(self, name: str, done: int = 0, total: int = 0) -> None:
        """A part of the run outside the clients' training ("reading images"); `total` 0: length unknown."""

    def round_started(self, round: int, rounds: int, clients: Sequence[int]) -> None:
        """Round `round` of `rounds` begins with these clients."""

    def client_started(self, client: int) -> None:
        """A client begins to train."""

    def client_done(self, client: int, images: int, loss: float) -> None:
        """A client has trained on so many images (counted again in each epoch)."""

    def client_failed(self, client: int, reason: str) -> None:
        """A client failed in this round."""

    def round_done(self, round: int, metrics: Mapping[str, float]) -> None:
        """A round is complete. Keys such as "loss" and "generic/market1501/mAP" (percent); round 0 is the start."""

    def message(self, text: str) -> None:
        """A line for the reader that stays."""

    def close(self) -> None:
        """Nothing more is going to happen."""


class PlainProgress(Progress):
    """One line when a stage begins and ends, one line for each round: for files, pipes and CI logs."""

    def __init__(self, stream: IO[str], clock: Clock = time.monotonic) -> None:
        self._stream, self._tally, self._stage_is_open = stream, Tally(clock), False

    def stage(self, name: str, done: int = 0, total: int = 0) -> None:
        tally = self._tally
        if name != tally.stage_name:
            self._close_stage()
        if tally.in_round:  # a round has its own line
            return
        if tally.begin_stage(name, done, total):
            self._stage_is_open = True
            self._line(f"{name} ..." if not total else f"{name} ... {total:,} to do")
        if 0 < total <= done:
            self._close_stage()

    def _close_stage(self) -> None:
        """Say that the stage is over, once: a stage may be told to be complete, and then something else begins."""
        if self._stage_is_open:
            self._stage_is_open = False
            self._line(f"{self._tally.stage_name} done in {duration(self._tally.stage_seconds())}")

    def round_started(self, round: int, rounds: int, clients: Sequence[int]) -> None:
        self._close_stage()
        self._tally.begin_round(round, rounds, clients)

    def client_done(self, client: int, images: int, loss: float) -> None:
        self._tally.count_client(client, images, loss)

    def client_failed(self, client: int, reason: str) -> None:
        self._tally.failed.add(client)
        self._line(f"round {self._tally.round}: client {client} failed: {reason}")

    def round_done(self, round: int, metrics: Mapping[str, float]) -> None:
        self._close_stage()
        tally = self._tally
        was_round = tally.in_round
        tally.end_round(round, metrics)
        if was_round:
            clients = f"{len(tally.done)} client{'s' if len(tally.done) != 1 else ''}"
            failed = [f"{len(tally.failed)} failed"] if tally.failed else []
            parts = [f"round {round}/{tally.rounds}", clients, *failed, f"loss {tally.loss:.3f}"]
        else:
            parts = ["start"]
        parts += [f"{label(key)} {_figure(value)}" for key, value in metrics.items() if "/" in key]
        if was_round:
            parts += [f"{tally.rate:,.0f} img/s", f"left {duration(tally.seconds_left())}"]
        self._line("  ".join(parts))

    def message(self, text: str) -> None:
        self._line(text)

    def close(self) -> None:
        self._close_stage()

    def _line(self, text: str) -> None:
        with suppress(OSError):  # a pipe that is closed ends the lines, not the run
            self._stream.write(text + "\n")
            self._stream.flush()  # a log that is followed shows the round when it is over, not when a buffer is full


def label(key: str) -> str:
    """ "generic/market1501/mAP" as "mAP market1501", "personalized/market1501/mAP" as "own mAP market1501"."""
    scope, _, rest = key.partition("/")
    dataset, _, metric = rest.rpartition("/")
    return f"own {metric} {dataset}" if scope == "personalized" else f"{metric} {dataset}"


def _figure(value: float) -> str:
    """A score in percent; there is none where no query has a match."""
    return "no match" if math.isnan(value) else f"{value:.1f}"


class LiveProgress(Progress):
    """A view at the bottom of the terminal; finished rounds stay above it, as a table that grows."""

    def __init__(self, console: Console, clock: Clock = time.monotonic, auto_refresh: bool = True) -> None:
        self._tally = Tally(clock)
        self._columns: tuple[str, ...] | None = None
        self._live = Live(
            console=console,
            get_renderable=self.render,
            auto_refresh=auto_refresh,
            refresh_per_second=REFRESH_PER_SECOND,
            transient=True,
        )
        self._live.start()

    def stage(self, name: str, done: int = 0, total: int = 0) -> None:
        self._tally.begin_stage(name, done, total)

    def round_started(self, round: int, rounds: int, clients: Sequence[int]) -> None:
        self._tally.begin_round(round, rounds, clients)

    def client_started(self, client: int) -> None:
        self._tally.running.add(client)

    def client_done(self, client: int, images: int, loss: float) -> None:
        self._tally.count_client(client, images, loss)

    def client_failed(self, client: int, reason: str) -> None:
        self._tally.running.discard(client)
        self._tally.failed.add(client)
        self._live.console.print(Text(f"client {client} failed in round {self._tally.round}: {reason}", style="red"))

    def round_done(self, round: int, metrics: Mapping[str, float]) -> None:
        tally, was_round = self._tally, self._tally.in_round
        seconds = tally.end_round(round, metrics)
        columns = tuple(tally.latest)
        if columns != self._columns:  # the first round, or a dataset that wasn't evaluated before
            self._columns = columns
            self._live.console.print(_header(columns))
        self._live.console.print(_row(tally, round, seconds if was_round else None, metrics, columns))

    def message(self, text: str) -> None:
        self._live.console.print(Text(text))

    def close(self) -> None:
        self._live.stop()

    def render(self) -> RenderableType:
        """What the bottom of the terminal shows now."""
        tally = self._tally
        lines: list[RenderableType] = []
        if tally.rounds and (tally.in_round or tally.round < tally.rounds):
            lines += [_round_bar(tally), _clients_line(tally), _figures_line(tally)]
        if tally.stage_name:
            lines.append(_stage_bar(tally))
        return Group(*lines)


def _bar_line(title: str, done: float, total: float, right: str, pulse_at: float | None = None) -> Table:
    line = Table.grid(padding=(0, 2), expand=True)
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(no_wrap=True, justify="right")
    bar = ProgressBar(total=total or 1, completed=done, pulse=pulse_at is not None, animation_time=pulse_at)
    line.add_row(Text(title, style="bold"), bar, Text(right))
    return line


def _round_bar(tally: Tally) -> Table:
    share = tally.share_of_run()
    right = f"{share:4.0%}  left {duration(tally.seconds_left())}"
    return _bar_line(f"Round {max(1, tally.round)} of {tally.rounds}", share, 1, right)


def _stage_bar(tally: Tally) -> Table:
    if tally.stage_total:
        right = f"{tally.stage_done:,} of {tally.stage_total:,}  left {duration(tally.stage_seconds_left())}"
        return _bar_line(_sentence(tally.stage_name), tally.stage_done, tally.stage_total, right)
    right = duration(tally.stage_seconds())
    return _bar_line(_sentence(tally.stage_name), 0, 0, right, pulse_at=tally.stage_seconds())


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _clients_line(tally: Tally) -> Text:
    line = Text.assemble("clients  ", (f"{len(tally.done)} done", "green"), " · ")
    if tally.running:  # not every engine says when a client starts
        line.append(f"{len(tally.running)} running", "yellow").append(" · ")
    line.append(f"{len(tally.failed)} failed", "red" if tally.failed else "dim").append(f" · of {len(tally.clients)}  ")
    for client in tally.clients if len(tally.clients) <= MOST_DOTS else ():
        if client in tally.failed:
            line.append("✗", "red")
        elif client in tally.done:
            line.append("●", "green")
        else:
            line.append("◐" if client in tally.running else "○", "yellow" if client in tally.running else "dim")
    return line


def _figures_line(tally: Tally) -> Text:
    line = Text()
    if tally.images_per_second():
        line.append(f"{tally.images_per_second():,.0f} images/s", "cyan")
    if tally.done or tally.seconds:
        line.append(f"{' · ' if line else ''}loss {tally.mean_loss():.3f}")
    for key, value in tally.latest.items():
        line.append(f"{' · ' if line else ''}{label(key)} ")
        line.append(_figure(value), "bold")
        line.append_text(_signed(tally.change.get(key)))
    return line


def _signed(change: float | None) -> Text:
    if change is None or math.isnan(change):
        return Text("")
    return Text(f" {change:+.1f}", style="green" if change > 0.05 else "red" if change < -0.05 else "dim")


def _header(columns: tuple[str, ...]) -> Text:
    titles = "".join(f"{label(key):>{_width(key)}}" for key in columns)
    return Text(f"{'round':>5}{'loss':>9}{titles}{'seconds':>10}", style="bold")


def _width(key: str) -> int:
    return max(15, len(label(key)) + 3)


def _row(
    tally: Tally, round: int, seconds: float | None, metrics: Mapping[str, float], columns: tuple[str, ...]
) -> Text:
    """One finished round; `seconds` None: the start, before the first one."""
    row = Text(f"{round if seconds is not None else 'start':>5}")
    row.append(f"{tally.loss:9.3f}" if seconds is not None else f"{'':9}")
    for key in columns:
        value = Text(_figure(metrics[key]) if key in metrics else "–")
        change = _signed(tally.change.get(key)) if key in metrics else Text("")
        change.pad_left(max(0, 7 - len(change)))
        value.pad_left(max(0, _width(key) - len(value) - len(change)))
        row.append_text(value).append_text(change)
    return row.append(f"{seconds:10.1f}" if seconds is not None else "")


def progress_for(target: Console | IO[str]) -> Progress:
    """The live view for a terminal that can move its cursor, plain lines for everything else."""
    console = target if isinstance(target, Console) else Console(file=target)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveProgress(console)
    return PlainProgress(console.file if isinstance(target, Console) else target)
