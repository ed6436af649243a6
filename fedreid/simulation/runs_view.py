"""What a comparison shows while its runs go: a live table of all, or plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import IO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fedreid.comparison.run_plan import Step
from fedreid.simulation.many_runs import Crew, count
from fedreid.simulation.run_events import Failure, RunsView
from fedreid.simulation.watched_run import WatchedRun
from fedreid.tally import duration

REFRESH_PER_SECOND = 0.5  # drawing 30 rows takes 12 ms of a core: so it stays under 1 % of one
MOST_ROWS = 30
OTHER_LINES = 5  # of the terminal: heading, line of totals, what is above
STYLES = {"finished": "green", "failed": "red", "waiting": "dim", "elsewhere": "yellow", "stopping": "yellow"}


class RunsLines(RunsView):
    """A line when a run starts, ends or fails: for files, pipes and logs."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def begin(self, crew: Crew) -> None:
        self._crew = crew
        self._line(opening(crew))

    def started(self, step: Step) -> None:
        self._line(f"{step.title}: {'goes on' if step.state == 'started' else 'starts'} in {step.folder}")

    def ended(self, step: Step, watched: WatchedRun) -> None:
        parts = [f"{step.title}: finished in {duration(watched.seconds())}"]
        parts += [f"{label} {value:.1f}" for label, value in scores_of(watched)]
        self._line("  ".join([*parts, totals(self._crew)]))

    def failed(self, failure: Failure, watched: WatchedRun) -> None:
        self._line(f"{failure.step.title}: failed: {failure.reason}\n  Its log: {failure.log}")

    def message(self, text: str) -> None:
        self._line(text)

    def _line(self, text: str) -> None:
        with suppress(OSError):  # a pipe that is closed ends the lines, not the runs
            self._stream.write(text + "\n")
            self._stream.flush()


class RunsTable(RunsView):
    """A table at the bottom of the terminal, a row for each run; failures stay above it."""

    def __init__(self, console: Console, *, auto_refresh: bool = True) -> None:
        self._console = console
        self._crew: Crew | None = None
        self._live = Live(
            console=console,
            get_renderable=self.render,
            auto_refresh=auto_refresh,
            refresh_per_second=REFRESH_PER_SECOND,
            transient=True,
        )

    def begin(self, crew: Crew) -> None:
        self._console.print(Text(opening(crew)))
        self._crew = crew
        self._live.start()

    def failed(self, failure: Failure, watched: WatchedRun) -> None:
        self._live.console.print(Text(f"{failure.step.title} failed: {failure.reason}", style="red"))
        self._live.console.print(Text(f"  Its log: {failure.log}", style="dim"))

    def message(self, text: str) -> None:
        self._live.console.print(Text(text))

    def close(self) -> None:
        self._live.stop()

    def render(self) -> RenderableType:
        """What the bottom of the terminal shows now."""
        crew = self._crew
        if crew is None:
            return Text("")
        shown, left_out = rows_for(crew, min(MOST_ROWS, max(3, self._console.height - OTHER_LINES)))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("run", style="bold", overflow="ellipsis", no_wrap=True)
        for heading in ("seed", "state", "round", "generic", "own", "time", "left"):
            table.add_column(heading, justify="left" if heading == "state" else "right", no_wrap=True)
        for step in shown:
            table.add_row(*row_of(crew, step))
        more = [Text(f"... and {left_out:,} more", style="dim")] if left_out else []
        return Group(table, *more, Text(totals(crew), style="bold"))


def view_for(console: Console) -> RunsView:
    """The live table for a terminal that can move its cursor, plain lines for everything else."""
    if console.is_terminal and not console.is_dumb_terminal:
        return RunsTable(console)
    return RunsLines(console.file)


def opening(crew: Crew) -> str:
    """What is about to happen."""
    parts = [f"{count(len(crew.steps), 'run')}: {len(crew.finished):,} finished, {len(crew.waiting):,} to do"]
    begun = sum(step.state == "started" for step in crew.waiting)
    parts += [f"{begun:,} of them begun"] if begun else []
    return ", ".join(parts) + f"; {crew.most_at_once:,} at once."


def totals(crew: Crew) -> str:
    """The line below the table."""
    parts = [f"{len(crew.finished):,} of {len(crew.steps):,} finished"]
    parts += [f"{len(crew.failures):,} failed"] if crew.failures else []
    parts += ["stopping"] if crew.is_stopping else []
    if crew.waiting or crew.running:
        parts.append(f"left {duration(crew.seconds_left())}")
    return " · ".join(parts)


def rows_for(crew: Crew, room: int) -> tuple[list[Step], int]:
    """Which runs the table shows, in the order of the plan, and how many it has no room for.

    What is going comes first, then failures, what is next and what has just ended.
    """
    if len(crew.steps) <= room:
        return list(crew.steps), 0
    failed = [failure.step for failure in crew.failures]
    first = [
        *crew.running,
        *crew.elsewhere,
        *failed,
        *crew.waiting[: room // 4],
        *reversed(crew.finished),
        *crew.waiting,
    ]
    chosen = set(list(dict.fromkeys(first))[: room - 1])
    return [step for step in crew.steps if step in chosen], len(crew.steps) - len(chosen)


def state_of(crew: Crew, step: Step) -> str:
    """A run's state in a word."""
    if (going := crew.running.get(step)) is not None:
        return "stopping" if crew.is_stopping else going[1].stage
    if step in crew.elsewhere:
        return "elsewhere"
    if any(failure.step is step for failure in crew.failures):
        return "failed"
    return "waiting" if step in crew.waiting else "finished"


def row_of(crew: Crew, step: Step) -> list[RenderableType]:
    """A run's cells."""
    state, watched = state_of(crew, step), crew.watched(step)
    cells: list[RenderableType] = [Text(step.variant.name), str(step.seed), Text(state, style=STYLES.get(state, ""))]
    rounds = step.scenario.federation.rounds
    if watched is None:
        return [*cells, f"{rounds}/{rounds}" if state == "finished" else "", "", "", "", ""]
    figures = dict(scores_of(watched))
    own = next((f"{value:.1f}" for label, value in figures.items() if label.startswith("own ")), "")
    generic = next((f"{label} {value:.1f}" for label, value in figures.items() if not label.startswith("own ")), "")
    going = f"{max(0, watched.round)}/{rounds}" if watched.round >= 0 else ""
    left = duration(watched.seconds_left()) if state == "rounds" else ""
    return [*cells, going, generic, own, duration(watched.seconds()), left]


def scores_of(watched: WatchedRun) -> list[tuple[str, float]]:
    """A run's newest scores with what they are: "mAP", "own mAP"."""
    found: list[tuple[str, float]] = []
    labels: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("generic", lambda metric: metric),
        ("personalized", lambda metric: f"own {metric}"),
    )
    for scope, label in labels:
        if (score := watched.score(scope)) is not None:
            found.append((label(score[0]), score[1]))
    return found
