"""Many runs that are stopped: they save their state and go on later, or are killed, and none is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fedreid.comparison.run_plan import status_of
from fedreid.simulation import child_run
from fedreid.simulation.many_runs import Crew
from fedreid.simulation.stopping import ended_by_signals
from tests.simulation.conftest import MakeSteps
from tests.simulation.crews import Recorded, crew_of


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
