"""Many runs at once: what is started, held back, waited for, and told of."""

from __future__ import annotations

import os
import signal
from io import StringIO
from pathlib import Path

import pytest

from fedreid import run_folder
from fedreid.simulation.allocator import with_jemalloc
from fedreid.simulation.many_runs import Crew
from fedreid.simulation.runs_view import RunsLines
from tests.simulation.conftest import BASE, MakeSteps
from tests.simulation.crews import Recorded, crew_of


def test_runs_are_made_with_their_settings_and_seen_from_outside(steps: MakeSteps, tmp_path: Path) -> None:
    view, crew = Recorded(), None
    crew = crew_of(steps("A", "B", seeds=(3, 4)), tmp_path, view=view)
    crew.work()
    assert len(crew.finished) == 4
    assert view.told.count("ended A 2 ('mAP', 12.0)") == 2
    again = steps("A", "B", seeds=(3, 4))
    assert [step.state for step in again] == ["finished"] * 4
    assert (tmp_path / "logs" / f"{again[0].folder.name}.log").read_text() == "run A\n"
    assert (again[0].folder / "preloaded").read_text() == with_jemalloc(os.environ).get("LD_PRELOAD", "")
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
