"""Which runs of an experiment are there: known by their content, whatever folders and variants are called."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fedreid.comparison.experiments import load_experiment
from fedreid.comparison.run_plan import Plan, Step, plan
from fedreid.scenario import load_scenario, to_toml

BASE = """
[data.sources.people]
format = "synthetic"
"""
Planned = Callable[..., Plan]


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    """The plan of an experiment with these variants, each with its settings."""

    def make(text: str = "", *, seeds: Sequence[int] = (0,), base: str = BASE, **variants: str) -> Plan:
        (tmp_path / "base.toml").write_text(base)
        lines = ['base = "base.toml"', f"seeds = {list(seeds)}", text]
        for name, settings in variants.items():
            lines += ["[[variants]]", f'name = "{name}"', f"set = {{{settings}}}"]
        (tmp_path / "e.toml").write_text("\n".join(lines))
        return plan(load_experiment(tmp_path / "e.toml"), tmp_path)

    return make


ALONE = "local_only = false\ncentralised = false"
A, B = "method.epochs = 1", "method.epochs = 3"


def made(step: Step, tmp_path: Path, status: str = "finished", folder: Path | None = None) -> Path:
    """What the run of a step leaves behind."""
    place = folder or step.folder
    place.mkdir(parents=True)
    resolved = load_scenario(tmp_path / "base.toml", step.overrides).scenario
    (place / "scenario.toml").write_text(to_toml(resolved))
    if status:
        (place / "summary.json").write_text(f'{{"status": "{status}"}}')
    return place


def states(found: Plan) -> list[str]:
    return [step.state for step in found.steps]


def test_every_variant_is_run_with_every_seed(planned: Planned, tmp_path: Path) -> None:
    found = planned(ALONE, seeds=(3, 5), A=A, B=B)
    assert [(step.variant.name, step.seed, step.scenario.seed) for step in found.steps] == [
        ("A", 3, 3), ("A", 5, 5), ("B", 3, 3), ("B", 5, 5),
    ]  # fmt: skip
    assert len({step.key for step in found.steps}) == 4
    first = found.steps[0]
    assert first.folder == tmp_path / "runs" / f"A-3-{first.key}"
    assert {"seed=3", "method.epochs=1", 'name="A"', "evaluation.local_only=false"} < set(first.overrides)
    assert load_scenario(tmp_path / "base.toml", first.overrides).scenario == first.scenario


def test_finished_runs_are_skipped_and_others_go_on(planned: Planned, tmp_path: Path) -> None:
    steps = planned(ALONE, seeds=(0, 1, 2, 3, 4), A=A).steps
    for step, status in zip(steps, ("finished", "running", "interrupted", "failed", ""), strict=True):
        made(step, tmp_path, status)
    assert states(planned(ALONE, seeds=(0, 1, 2, 3, 4, 5), A=A)) == ["finished", *["started"] * 4, "missing"]


def test_a_renamed_variant_another_order_and_new_variants_keep_what_is_there(planned: Planned, tmp_path: Path) -> None:
    steps = planned(ALONE, A=A, B=B).steps
    folders = [made(step, tmp_path) for step in steps]
    found = planned(ALONE, New="method.epochs = 4", Renamed=B, A=A)
    assert states(found) == ["missing", "finished", "finished"]
    assert [step.folder for step in found.steps[1:]] == [folders[1], folders[0]]
    assert found.unused == {}
    moved = folders[0].rename(tmp_path / "runs" / "anything")
    assert planned(ALONE, A=A).steps[0].folder == moved


def test_a_changed_setting_makes_a_new_run_and_leaves_the_old_one_alone(planned: Planned, tmp_path: Path) -> None:
    old = made(planned(ALONE, A=A).steps[0], tmp_path)
    found = planned(ALONE, seeds=(1,), A=A)
    assert (states(found), found.unused) == (["missing"], {old: "A with seed 0, which is not asked for"})
    found = planned(ALONE, A=B)
    assert (states(found), found.unused) == (["missing"], {old: "its settings are those of no variant"})
    assert found.steps[0].folder != old


def test_folders_that_cannot_be_read_are_named(planned: Planned, tmp_path: Path) -> None:
    step = planned(ALONE, A=A).steps[0]
    strange = tmp_path / "runs" / "strange"
    strange.mkdir(parents=True)
    (strange / "scenario.toml").write_text("[method]\nname = 'of_the_future'\n")
    other = tmp_path / "runs" / "other"
    other.mkdir()
    (other / "notes.txt").touch()
    step.folder.mkdir()  # as a run leaves it that came to nothing
    found = planned(ALONE, A=A)
    assert found.unused == {
        other: "no run folder",
        strange: "its scenario.toml can't be read: of another version, or edited by hand",
    }
    assert (found.steps[0].state, found.steps[0].folder) == ("missing", step.folder)


def test_a_folder_with_something_else_in_it_is_not_written_over(planned: Planned, tmp_path: Path) -> None:
    step = planned(ALONE, A=A).steps[0]
    step.folder.mkdir(parents=True)
    (step.folder / "scenario.toml").write_text("")  # killed while it was written
    assert planned(ALONE, A=A).steps[0].folder == step.folder.with_name(f"{step.folder.name}-2")


def test_one_run_of_each_seed_trains_every_client_alone(planned: Planned, tmp_path: Path) -> None:
    def bringing(found: Plan) -> list[str]:
        assert all(("evaluation.local_only=true" in each.overrides) == each.scenario.evaluation.local_only
                   for each in found.steps)  # fmt: skip
        return [f"{step.variant.name}{step.seed}" for step in found.steps if step.scenario.evaluation.local_only]

    near, moon = '"method.name" = "fedprox"', '"method.name" = "moon"'
    plain = "reference = 'B'"
    found = planned(plain, seeds=(0, 1), A="", B=near)
    assert bringing(found) == ["B0", "B1"]
    assert bringing(planned("reference = 'Local only'", A="", B=near)) == ["A0"]
    assert bringing(planned("reference = 'B'\nlocal_only = false", A="", B=near)) == []
    for step in found.steps:
        made(step, tmp_path)
    assert states(planned(plain, seeds=(0, 1), A="", B=near)) == ["finished"] * 6
    others = planned("reference = 'A'", seeds=(0, 1, 2), A="", B=near, C=moon)
    assert bringing(others) == ["A2", "B0", "B1"], "what clients do alone is known where B has done it"
    assert states(others)[:3] == ["finished", "finished", "missing"]
    apart = planned("reference = 'C'", seeds=(0,), A="", B=near, C=B)
    assert bringing(apart) == ["C0"], "with other epochs it is not the same"


def test_a_run_that_lacks_the_rows_that_are_now_asked_of_it_is_made_again(planned: Planned, tmp_path: Path) -> None:
    none = "centralised = false\nlocal_only = false"
    old = made(planned(none, A="").steps[0], tmp_path)
    found = planned("centralised = false", A="")
    (step,) = found.steps
    assert (step.state, step.folder) == ("missing", old.with_name(f"{old.name}-2"))
    assert found.unused == {old: "another run has the same settings, or it lacks what is asked of it now"}
    made(step, tmp_path)
    assert planned("centralised = false", A="").steps[0].state == "finished"
    assert planned(none, A="").steps[0].state == "finished"


def test_weights_that_changed_since_make_a_new_run(planned: Planned, tmp_path: Path) -> None:
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"first")
    settings = f'"model.weights" = "{weights}"'
    old = made(planned(ALONE, A=settings).steps[0], tmp_path)
    assert states(planned(ALONE, A=settings)) == ["finished"]
    weights.write_bytes(b"second, and longer")
    os.utime(weights, (2e9, 2e9))
    assert states(planned(ALONE, A=settings)) == ["missing"]
    weights.write_bytes(b"first")
    os.utime(weights, (2e9, 2e9))  # copied anew: its key is that of the folder's name
    assert states(planned(ALONE, A=settings)) == ["finished"]
    old.rename(old.with_name("renamed"))
    assert states(planned(ALONE, A=settings)) == ["missing"], "nothing says any more that they are the same"


def test_runs_of_another_copy_of_the_images_are_not_taken(planned: Planned, tmp_path: Path) -> None:
    for name in ("small", "whole"):
        (tmp_path / name / "market").mkdir(parents=True)

    def base(name: str) -> str:
        return f'[data]\nroot = "{tmp_path / name}"\n[data.sources.m]\nformat = "market1501"\npath = "market"'

    made(planned(ALONE, base=base("small"), A=A).steps[0], tmp_path)
    assert states(planned(ALONE, base=base("small"), A=A)) == ["finished"]
    assert states(planned(ALONE, base=base("whole"), A=A)) == ["missing"]
    (tmp_path / "small" / "market").rmdir()
    assert states(planned(ALONE, base=base("whole"), A=A)) == ["finished"], "they were moved"
