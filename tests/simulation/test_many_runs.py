"""Many runs at once: what is started, held back, stopped, gone on with, and told of."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import pytest

from fedreid import run_folder
from fedreid.comparison.experiments import load_experiment
from fedreid.comparison.run_plan import Step, plan, status_of
from fedreid.simulation import child_run, many_runs, room
from fedreid.simulation.many_runs import Crew
from fedreid.simulation.run_events import Failure, RunsView
from fedreid.simulation.runs_view import RunsLines
from fedreid.simulation.stopping import ended_by_signals
from fedreid.simulation.watched_run import WatchedRun

BASE = """
[data.sources.people]
format = "synthetic"
[federation]
rounds = 2
"""


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_run, "MODULE", "tests.simulation.stub_run")
    monkeypatch.chdir(Path(__file__).parents[2])


MakeSteps = Callable[..., list[Step]]


@pytest.fixture
def steps(tmp_path: Path) -> MakeSteps:
    """The runs of variants by these names, which differ in their learning rates alone; asked again, as they are now."""

    def make(*names: str, seeds: Sequence[int] = (0,), own_data: bool = True) -> list[Step]:
        (tmp_path / "base.toml").write_text(BASE)
        lines = ['base = "base.toml"', f"seeds = {list(seeds)}", "centralised = false", "local_only = false"]
        for number, name in enumerate(names):
            key = "data.sources.people.seed" if own_data else "method.batch_size"
            lines += ["[[variants]]", f'name = "{name}"', f'set = {{"{key}" = {number + 2}}}']
        (tmp_path / "e.toml").write_text("\n".join(lines))
        return list(plan(load_experiment(tmp_path / "e.toml"), tmp_path).steps)

    return make


class Recorded(RunsView):
    """What the view was told, in words."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def started(self, step: Step) -> None:
        self.told.append(f"started {step.variant.name}")

    def ended(self, step: Step, watched: WatchedRun) -> None:
        self.told.append(f"ended {step.variant.name} {watched.round} {watched.score()}")

    def failed(self, failure: Failure, watched: WatchedRun) -> None:
        self.told.append(f"failed {failure.step.variant.name}")

    def message(self, text: str) -> None:
        self.told.append(text)


def crew_of(steps: Sequence[Step], tmp_path: Path, **options: object) -> Crew:
    return Crew(steps, tmp_path / "base.toml", tmp_path / "logs", **{"at_once": 2} | options)  # type: ignore[arg-type]


def test_runs_are_made_with_their_settings_and_seen_from_outside(steps: MakeSteps, tmp_path: Path) -> None:
    view, crew = Recorded(), None
    crew = crew_of(steps("A", "B", seeds=(3, 4)), tmp_path, view=view)
    crew.work()
    assert len(crew.finished) == 4
    assert view.told.count("ended A 2 ('mAP', 12.0)") == 2
    again = steps("A", "B", seeds=(3, 4))
    assert [step.state for step in again] == ["finished"] * 4
    assert (tmp_path / "logs" / f"{again[0].folder.name}.log").read_text() == "run A\n"
    nothing_left = crew_of(again, tmp_path)
    assert (nothing_left.waiting, len(nothing_left.finished)) == ([], 4)


def test_runs_go_at_the_same_time_but_never_more_than_asked_for(steps: MakeSteps, tmp_path: Path) -> None:
    most = []
    crew = crew_of(
        steps("meets-meets-A", "meets-A", "A", "B"), tmp_path, on_change=lambda crew: most.append(len(crew.running))
    )
    crew.most_at_once = 3  # each of the first waits for the next: one after the other they would never end
    crew.work()
    assert not crew.failures
    assert max(most) == 3


def test_a_failure_is_told_with_its_reason_and_the_others_go_on(steps: MakeSteps, tmp_path: Path) -> None:
    crew = crew_of(steps("fails", "crashes", "dies", "A"), tmp_path)
    crew.work()
    reasons = {failure.step.variant.name: failure.reason for failure in crew.failures}
    assert reasons["fails"].endswith(
        "client 3 failed in round 1 while training: loss is nan\n  Its learning rate is 9."
    )
    assert reasons["crashes"] == "ZeroDivisionError: by zero"
    assert reasons["dies"].startswith("it was killed (SIGKILL): memory may have run out")
    assert {failure.status for failure in crew.failures} == {1, -signal.SIGKILL}
    assert [step.variant.name for step in crew.finished] == ["A"]
    log = next(failure.log for failure in crew.failures if failure.step.variant.name == "crashes")
    assert "Traceback" in log.read_text()


def test_a_reason_is_what_the_run_wrote_down_if_it_just_said_so(steps: MakeSteps, tmp_path: Path) -> None:
    (step,) = steps("fails")
    step.folder.mkdir(parents=True)
    (step.folder / "summary.json").write_text(
        '{"error": "client 3 failed in round 1 while training: loss is nan\\n  Hint."}'
    )
    crew = crew_of([step], tmp_path)
    crew.work()
    assert crew.failures[0].reason == "client 3 failed in round 1 while training: loss is nan\n  Hint."


class PressesCtrlC(Recorded):
    """Ctrl-C when the runs have begun their rounds."""

    def __init__(self, folder: Path, number: int, press: Callable[[], object]) -> None:
        super().__init__()
        self.folder, self.number, self.press = folder, number, press

    def look(self, crew: Crew) -> None:
        if len(list(self.folder.glob("runs/*/metrics.csv"))) == self.number:
            self.press()


def pressed() -> None:
    raise KeyboardInterrupt


def pressing(crew: Crew, view: PressesCtrlC, monkeypatch: pytest.MonkeyPatch) -> None:
    collect = crew._collect

    def look_and_collect() -> None:
        view.look(crew)
        collect()

    monkeypatch.setattr(crew, "_collect", look_and_collect)


@pytest.mark.parametrize("press", [pressed, lambda: os.kill(os.getpid(), signal.SIGTERM)], ids=["ctrl-c", "sigterm"])
def test_stopped_runs_save_their_state_and_go_on(
    press: Callable[[], object], steps: MakeSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    view = PressesCtrlC(tmp_path, 1, press)
    crew = crew_of(steps("hangs", "fails"), tmp_path, at_once=1, view=view)
    pressing(crew, view, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        crew.work()
    assert "stopping 1 run; Ctrl-C again kills them" in view.told
    first, second = steps("hangs", "fails")
    assert (first.state, status_of(first.folder), second.state) == ("started", "interrupted", "missing")
    again = crew_of([first], tmp_path)
    again.work()
    assert status_of(first.folder) == "finished"
    assert (tmp_path / "logs" / f"{first.folder.name}.log").read_text() == "run hangs\nresume hangs\n"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_job_in_the_background_whose_shell_ignores_ctrl_c_can_still_be_stopped(
    steps: MakeSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        view = PressesCtrlC(tmp_path, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
        crew = crew_of(steps("hangs"), tmp_path, view=view)
        pressing(crew, view, monkeypatch)
        with pytest.raises(KeyboardInterrupt):
            crew.work()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert status_of(steps("hangs")[0].folder) == "interrupted"


def test_a_second_ctrl_c_kills(steps: MakeSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = PressesCtrlC(tmp_path, 2, pressed)
    crew = crew_of(steps("deaf", "hangs"), tmp_path, view=view)
    pressing(crew, view, monkeypatch)
    children = []

    def pressed_again(child: child_run.ChildRun) -> None:
        children.append(child)
        raise KeyboardInterrupt

    monkeypatch.setattr(child_run.ChildRun, "wait", pressed_again)
    with pytest.raises(KeyboardInterrupt):
        crew.work()
    assert len(children) == 1
    statuses = [child.status() for child, _ in crew.running.values()]
    assert statuses[0] == -signal.SIGKILL
    assert None not in statuses


def test_a_run_that_takes_too_long_to_stop_is_killed(
    steps: MakeSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_run, "GRACE", 0.01)
    view = PressesCtrlC(tmp_path, 1, pressed)
    crew = crew_of(steps("deaf"), tmp_path, view=view)
    pressing(crew, view, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        crew.work()
    assert [child.status() for child, _ in crew.running.values()] == [-signal.SIGKILL]


@pytest.mark.parametrize("is_finished_there", [True, False])
def test_a_run_that_another_process_is_making_is_waited_for(
    is_finished_there: bool, steps: MakeSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after kill -9 of a comparison, whose runs live on."""
    (step,) = steps("A")
    step.folder.mkdir(parents=True)
    lock = run_folder.locked(step.folder)
    lock.__enter__()
    (step.folder / "scenario.toml").write_text('name = "A"' + BASE)

    class Other(Recorded):
        def message(self, text: str) -> None:
            super().message(text)
            if is_finished_there:
                (step.folder / "summary.json").write_text('{"status": "finished"}')
            lock.__exit__(None, None, None)

    view = Other()
    crew = crew_of([step], tmp_path, view=view)
    crew.work()
    assert crew.finished == [step]
    assert view.told[0] == "A, seed 0 is being made by another process; waiting for it."
    assert ("started A" in view.told) != is_finished_there


def test_two_runs_do_not_make_the_same_cache_entries_side_by_side(steps: MakeSteps, tmp_path: Path) -> None:
    """Those with the same images and the same start wait until the first has them; later ones don't."""
    pairs = []

    def note(crew: Crew) -> None:
        if len(crew.running) == 2:
            pairs.append((crew.steps[0].folder / "setup.json").exists())

    crew = crew_of(steps("A", "B", "meets-D", "D", own_data=False), tmp_path, on_change=note)
    assert crew._is_held_back(crew.waiting[1]) is False
    crew._start(crew.waiting[0])
    assert crew._is_held_back(crew.waiting[0]) is True
    crew.work()
    assert not crew.failures
    assert pairs
    assert all(pairs)
    later = crew_of(steps("A", "B", "meets-D", "D", "E", "F", own_data=False), tmp_path)
    later._start(later.waiting[0])
    assert later._is_held_back(later.waiting[0]) is False, "a finished run has left them in the cache"
    later.work()


def test_as_many_runs_as_there_are_cores_and_memory(
    steps: MakeSteps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "usable_cores", lambda: 8)
    found = steps("A", "B", "C")
    scenario = found[0].scenario

    def with_runtime(**changes: object) -> int:
        return room.at_once(scenario.model_copy(update={"runtime": scenario.runtime.model_copy(update=changes)}))

    assert with_runtime() == 8
    assert with_runtime(threads_per_client=3) == 2
    assert with_runtime(server_threads=16) == 1
    assert with_runtime(engine="ray", workers=2, threads_per_client=2) == 2
    assert with_runtime(engine="ray") == 1, "all cores"
    assert with_runtime(engine="ray", workers=1, ray_address="head:6379") == 1
    assert room.at_once(scenario, has_gpu=True) == 1
    monkeypatch.setattr(room, "available_memory", lambda: room.FIRST_GUESS - 1)
    crew = crew_of(found, tmp_path, at_once=0)
    assert crew.most_at_once == 8
    assert crew._has_memory(found[0]), "the first is always tried"
    crew._start(found[0])
    assert not crew._has_memory(found[1])
    crew.asked = 2
    assert crew._has_memory(found[1]), "the user knows better"
    crew.asked = 0
    monkeypatch.setattr(room, "available_memory", lambda: None)
    assert crew._has_memory(found[1])
    monkeypatch.setattr(room, "peak_memory", lambda pid: 600)
    crew._largest = 1000  # the one that is going has 400 to take yet
    for free, fits in ((1401, True), (1400, False)):
        monkeypatch.setattr(room, "available_memory", lambda free=free: free)
        assert crew._has_memory(found[1]) is fits
    crew.waiting.clear()
    crew.work()


def test_memory_is_what_the_system_and_the_container_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(room, "GROUP", tmp_path)
    assert room.available_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal:  900 kB\nMemAvailable:   500 kB\n")
    assert room.available_memory() == 512_000
    (tmp_path / "memory.max").write_text("max\n")
    assert room.available_memory() == 512_000
    (tmp_path / "memory.max").write_text("400000\n")
    (tmp_path / "memory.current").write_text("300000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 50000\n")
    assert room.available_memory() == 150_000
    assert room.peak_memory(os.getpid()) > 10_000_000


def test_lines_for_where_there_is_no_terminal(steps: MakeSteps, tmp_path: Path) -> None:
    stream = StringIO()
    found = steps("A", "fails")
    crew = crew_of(found, tmp_path, at_once=1, view=RunsLines(stream))
    crew.work()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "2 runs: 0 finished, 2 to do; 1 at once."
    assert lines[1] == f"A, seed 0: starts in {found[0].folder}"
    assert lines[2].startswith("A, seed 0: finished in 0:")
    assert "  mAP 12.0  1 of 2 finished" in lines[2]
    assert lines[4] == "fails, seed 0: failed: careful"
    assert lines[-1] == f"  Its log: {tmp_path / 'logs' / found[1].folder.name}.log"


def test_one_run_needs_no_look_at_the_machine(steps: MakeSteps) -> None:
    assert many_runs.room_for(steps("A")) == 1


@pytest.mark.parametrize("module", ["ray._private.worker", "raytracer"])
def test_rays_handler_is_replaced_and_a_programs_own_one_is_not(module: str) -> None:
    """A process that has used Ray would end at SIGTERM, with its runs left behind."""

    def handler(number: int, frame: object) -> None:
        raise AssertionError("not called")

    handler.__module__ = module
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with ended_by_signals():
            assert (signal.getsignal(signal.SIGHUP) is handler) == (module == "raytracer")
        assert signal.getsignal(signal.SIGHUP) is handler
    finally:
        signal.signal(signal.SIGHUP, before)
