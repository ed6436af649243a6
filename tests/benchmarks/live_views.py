"""What watching costs: CPU time of drawing and looking, at the rate at which a view does so, as a share of one core."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from rich.console import Console

from fedreid import progress
from fedreid.comparison.run_plan import Step
from fedreid.progress import LiveProgress
from fedreid.simulation import runs_view
from fedreid.simulation.many_runs import LOOKS_PER_SECOND, PAUSE, Crew
from fedreid.simulation.runs_view import RunsTable
from fedreid.simulation.watched_run import WatchedRun

SECONDS = 60  # of watching that are played
CLIENTS, ROUNDS = 60, 100  # sixty are the most that are drawn one by one
RUNS, AT_ONCE = 51, 4


def live_view() -> float:
    """Share of a core that one run's view takes, with two clients that end in each second."""
    with Path(os.devnull).open("w") as nowhere:
        view = LiveProgress(_terminal(nowhere), auto_refresh=False)
        scores = {f"generic/{name}/{metric}": 55.0 for name in ("north", "south") for metric in ("mAP", "rank1")}
        view.round_done(0, scores)
        view.round_started(1, ROUNDS, range(CLIENTS))

        def second(number: int) -> None:
            if 2 * number % CLIENTS == 0 and number:
                view.round_done(number, scores | {"loss": 2.0})
                view.round_started(number + 1, ROUNDS, range(CLIENTS))
            for client in (2 * number % CLIENTS, (2 * number + 1) % CLIENTS):
                view.client_started(client)
                view.client_done(client, 500, 2.0)
            for _ in range(progress.REFRESH_PER_SECOND):
                view._live.refresh()

        share = _share(second)
        view.close()
    return share


def comparison_table(folder: Path) -> float:
    """Share of a core that a comparison's table of 51 runs takes: drawing, and looking at the four that are going.

    Each of the four ends a round of a hundred clients in every other second.
    """
    crew = _crew(folder)
    with Path(os.devnull).open("w") as nowhere:
        view = RunsTable(_terminal(nowhere), auto_refresh=False)
        view.begin(crew)

        def second(number: int) -> None:
            for _ in range(LOOKS_PER_SECOND):
                crew._looked = -1.0  # as if the time had come
                Crew._look(crew)
            for _ in range(round(1 / PAUSE)):
                Crew._collect(crew)
            if (number * runs_view.REFRESH_PER_SECOND) % 1 == 0:
                view._live.refresh()

        def grow(number: int) -> None:
            for step, (_, watched) in crew.running.items():
                if number % 2 == 0:
                    _add_round(step.folder, watched.round + 1)

        share = _share(second, grow)
        view.close()
    for _, (child, _) in crew.running.items():
        child.process.kill()  # type: ignore[attr-defined]
        child.process.wait()  # type: ignore[attr-defined]
    return share


def _share(second: Callable[[int], None], between: Callable[[int], None] = lambda _: None) -> float:
    """CPU seconds of this process for each second that is played; what is done between them isn't counted."""
    spent = 0.0
    for number in range(SECONDS):
        between(number)
        before = time.process_time()
        second(number)
        spent += time.process_time() - before
    return spent / SECONDS


def _terminal(file: object) -> Console:
    return Console(file=file, width=120, height=40, force_terminal=True)  # type: ignore[arg-type]


def _crew(folder: Path) -> Crew:
    """Of 51 runs four are going, 23 are finished, 24 wait."""
    scenario = SimpleNamespace(federation=SimpleNamespace(rounds=ROUNDS))
    steps = [
        Step(cast(Any, SimpleNamespace(name=f"variant {number // 3}")), number % 3, cast(Any, scenario), (),
             str(number), folder / str(number), "missing")
        for number in range(RUNS)
    ]  # fmt: skip
    running = {}
    for step in steps[23 : 23 + AT_ONCE]:
        step.folder.mkdir(parents=True)
        (step.folder / "metrics.csv").write_text("round,scope,client,dataset,metric,value\n")
        (step.folder / "setup.json").write_text("{}")
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        child = SimpleNamespace(pid=process.pid, status=process.poll, process=process)
        running[step] = (child, WatchedRun(step.folder, ROUNDS))
    found = SimpleNamespace(
        steps=tuple(steps), running=running, elsewhere={}, over={}, failures=[], finished=steps[:23],
        waiting=steps[23 + AT_ONCE :], seconds=[60.0], is_stopping=False, most_at_once=AT_ONCE, clock=time.monotonic,
        _looked=-1.0, _largest=0, _cached=set(), _keys=dict.fromkeys(steps, ("", "")),
    )  # fmt: skip
    found.watched = lambda step: Crew.watched(cast(Crew, found), step)
    found.seconds_left = lambda: Crew.seconds_left(cast(Crew, found))
    found._note_cached = lambda step, watched: Crew._note_cached(cast(Crew, found), step, watched)
    return cast(Crew, found)


def _add_round(folder: Path, number: int) -> None:
    rows = [
        (number, scope, client, "a" * (scope == "personalized"), metric, 50.123456789)
        for client in range(100)
        for scope, metrics in (
            ("personalized", ("mAP", "rank1", "rank5", "rank10", "mINP", "queries", "skipped")),
            ("train", ("loss", "accuracy", "num_examples", "steps", "update_norm")),
            ("cost", ("bytes_down", "bytes_up", "images")),
        )
        for metric in metrics
    ]
    with (folder / "metrics.csv").open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
