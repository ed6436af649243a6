"""Many runs, several at once, each in a process of its own that this one watches from outside.

A process each, because torch's threads, Ray's workers and a crash belong to one run. Looking is all that the watching
costs: once a second it reads what was added to the tables of the runs that are going.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from fedreid import run_folder
from fedreid.comparison.run_keys import data_key, start_key
from fedreid.comparison.run_plan import Step, status_of
from fedreid.errors import UserError
from fedreid.simulation import room
from fedreid.simulation.child_run import ChildRun
from fedreid.simulation.run_events import Failure, RunsView
from fedreid.simulation.stopping import ended_by_signals
from fedreid.simulation.watched_run import WatchedRun

LOOKS_PER_SECOND = 1
PAUSE = 0.1  # seconds between looks at whether a process has ended, which cost nothing


class Crew:
    """Makes the runs of a plan that aren't finished.

    Attributes:
        steps: all of them, in the order of the plan.
        waiting: not started yet.
        running: those that are going, with what is known of each.
        elsewhere: in another process's hands, which a comparison that was killed has left behind.
        over: those that ended or failed now.
        finished: done now or before; `failures`: those that failed now.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        base: Path,
        logs: Path,
        *,
        at_once: int = 0,
        view: RunsView | None = None,
        on_change: Callable[[Crew], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        base: the scenario that the steps' overrides change.
        logs: folder for what the processes say.
        at_once: how many runs; 0: what the machine has room for.
        on_change: called when a run has started, ended or failed.
        """
        self.steps, self.base, self.logs, self.clock = tuple(steps), base, logs, clock
        self.view, self.on_change = view or RunsView(), on_change
        self.waiting = [step for step in steps if step.state != "finished"]
        self.running: dict[Step, tuple[ChildRun, WatchedRun]] = {}
        self.elsewhere: dict[Step, WatchedRun] = {}
        self.over: dict[Step, WatchedRun] = {}
        self.finished = [step for step in steps if step.state == "finished"]
        self.failures: list[Failure] = []
        self.seconds: list[float] = []  # that runs took which were made now from their first round
        self.asked, self.is_stopping = at_once, False
        self.most_at_once = at_once or room_for(self.waiting)
        self._largest = 0  # bytes, of the runs so far
        self._keys = {step: (data_key(step.scenario), start_key(step.scenario)) for step in steps}
        self._cached: set[str] = set()  # keys of what is in the cache by now
        self._looked = -1.0
        for step in steps:
            self._note_cached(step, WatchedRun(step.folder, 1))

    def work(self) -> None:
        """Make them all. A failure is noted, and the others go on.

        Raises:
            KeyboardInterrupt: Ctrl-C, or this process was asked to end; every run was stopped and has saved its state.
        """
        self.view.begin(self)
        try:
            with ended_by_signals():
                while self.waiting or self.running or self.elsewhere:
                    self._start_some()
                    self._look()
                    self._collect()
                    time.sleep(PAUSE)
        except BaseException:
            self._stop()
            raise
        finally:
            self.view.close()

    def watched(self, step: Step) -> WatchedRun | None:
        """What is known of a run that is going, or has been."""
        going = self.running.get(step)
        return going[1] if going else self.elsewhere.get(step) or self.over.get(step)

    def seconds_left(self) -> float | None:
        """Of everything, from the runs that are over and those that are going; None: too early to say."""
        going = [(watched.seconds(), watched.seconds_left()) for _, watched in list(self.running.values())]
        whole = self.seconds or [elapsed + left for elapsed, left in going if left is not None]
        if not whole:
            return None
        per_run = sum(whole) / len(whole)
        left = [max(0.0, per_run - elapsed) if left is None else left for elapsed, left in going]
        work = sum(left) + per_run * len(self.waiting)
        return max([*left, work / max(1, min(self.most_at_once, len(left) + len(self.waiting)))])

    def _start_some(self) -> None:
        for step in list(self.waiting):
            if len(self.running) + len(self.elsewhere) >= self.most_at_once:
                return
            if self._is_held_back(step):
                continue
            if not self._has_memory(step):
                return
            self._start(step)

    def _is_held_back(self, step: Step) -> bool:
        """Whether another run is making the very cache entry that this one needs: twice at once gains nothing."""
        for other in self.running:
            if any(key == key_there and key not in self._cached
                   for key, key_there in zip(self._keys[step], self._keys[other], strict=True)):  # fmt: skip
                return True
        return False

    def _note_cached(self, step: Step, watched: WatchedRun) -> None:
        data, start = self._keys[step]
        self._cached |= ({data} if watched.has_data else set()) | ({start} if watched.is_prepared else set())

    def _has_memory(self, step: Step) -> bool:
        """Whether one more fits beside what the others have yet to take; the first always does.

        Where the user says how many runs there shall be, that counts.
        """
        if self.asked or not (self.running or self.elsewhere):
            return True
        guess = room.expected_memory(step.scenario)
        needed = self._largest if self._largest and step.scenario.runtime.engine == "serial" else guess
        to_come = sum(max(0, needed - room.peak_memory(child.pid)) for child, _ in self.running.values())
        free = room.available_memory()
        return free is None or free > needed + to_come

    def _start(self, step: Step) -> None:
        self.waiting.remove(step)
        watched = WatchedRun(step.folder, step.scenario.federation.rounds, self.clock)
        if is_in_use(step.folder):
            self.view.message(f"{step.title} is being made by another process; waiting for it.")
            self.elsewhere[step] = watched
            return
        log = self.logs / f"{step.folder.name}.log"
        self.running[step] = (ChildRun(step, self.base, log), watched)
        self.view.started(step)
        self.on_change(self)

    def _look(self) -> None:
        if self.clock() - self._looked < 1 / LOOKS_PER_SECOND:
            return
        self._looked = self.clock()
        for step, (child, watched) in self.running.items():
            watched.look()
            self._note_cached(step, watched)
            self._largest = max(self._largest, room.peak_memory(child.pid))
        for step, watched in list(self.elsewhere.items()):
            watched.look()
            if not is_in_use(step.folder):
                del self.elsewhere[step]
                if status_of(step.folder) == "finished":
                    self._end(step, watched)
                else:  # it was killed, and goes on here
                    self.waiting.insert(0, step)

    def _collect(self) -> None:
        for step, (child, watched) in list(self.running.items()):
            status = child.status()
            if status is None:
                continue
            del self.running[step]
            watched.look()
            watched.ended = self.clock()
            if status == 0:
                if step.state == "missing":
                    self.seconds.append(watched.seconds())
                self._end(step, watched)
            elif is_in_use(step.folder):  # a process that a killed comparison left behind was just starting
                self.waiting.insert(0, step)
            else:
                failure = Failure(step, child.reason(), status, child.log)
                self.over[step] = watched
                self.failures.append(failure)
                self.view.failed(failure, watched)
                self.on_change(self)

    def _end(self, step: Step, watched: WatchedRun) -> None:
        self._note_cached(step, watched)
        self.over[step] = watched
        self.finished.append(step)
        self.view.ended(step, watched)
        self.on_change(self)

    def _stop(self) -> None:
        """Ask every run to stop, and wait until it has saved its state; a second Ctrl-C kills them."""
        self.is_stopping = True
        children = [child for child, _ in self.running.values()]
        if children:
            self.view.message(f"stopping {count(len(children), 'run')}; Ctrl-C again kills them")
        for step in self.elsewhere:
            self.view.message(f"{step.title} goes on in the other process.")
        for child in children:
            child.interrupt()
        try:
            for child in children:
                child.wait()
        except KeyboardInterrupt:
            for child in children:
                child.kill()
        for step, (_, watched) in self.running.items():
            if status_of(step.folder) == "finished":  # it was about to end anyway
                self.finished.append(step)
            watched.look()
        self.on_change(self)


def room_for(steps: Sequence[Step]) -> int:
    """Runs that may go at once, by the cores that they use and by the GPU that they share."""
    if len(steps) < 2:
        return 1
    return min(room.at_once(step.scenario, has_gpu=room.has_gpu(step.scenario)) for step in steps)


def is_in_use(run_dir: Path) -> bool:
    """Whether a process is at work in a run folder."""
    if not (run_dir / run_folder.LOCK).exists():
        return False
    try:
        with run_folder.locked(run_dir):
            return False
    except UserError:
        return True


def count(number: int, noun: str) -> str:
    """ "1 run", "3 runs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
