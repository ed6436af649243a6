"""Runs of an experiment that a stub makes in no time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fedreid.comparison.experiments import load_experiment
from fedreid.comparison.run_plan import Step, plan
from fedreid.simulation import child_run

BASE = """
[data.sources.people]
format = "synthetic"
[federation]
rounds = 2
"""
MakeSteps = Callable[..., list[Step]]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are those of `tests.simulation.stub_run`, in place of processes of the command line."""
    monkeypatch.setattr(child_run, "MODULE", "tests.simulation.stub_run")
    monkeypatch.chdir(Path(__file__).parents[2])


@pytest.fixture
def steps(stub: None, tmp_path: Path) -> MakeSteps:
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
