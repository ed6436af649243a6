"""From folders to a comparison: what is refused, what is left out, and what is told of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fedreid.comparison.compared import compared_again, compared_runs, compared_steps, seconds_of
from fedreid.comparison.comparison_folder import FAILURES
from fedreid.comparison.failures import read_failures
from fedreid.comparison.run_plan import plan
from fedreid.errors import RunError, UserError
from tests.comparison.conftest import Load
from tests.comparison.made_up import make_run

METHODS = """seeds = [3]
centralised = false
[[variants]]
name = "A"
[[variants]]
name = "B"
set = {"method.name" = "moon"}
[[variants]]
name = "C"
set = {"method.name" = "fedbn"}
"""


def test_named_runs_that_can_not_be_compared_are_refused_though_clients_trained_alone(tmp_path: Path) -> None:
    """The row of clients trained alone, which comes with the first run, is not what was asked about."""
    alone = {"clients": {0: 50.0}, "alone": {0: 30.0}}
    one = make_run(tmp_path / "one", **alone)  # type: ignore[arg-type]
    other = make_run(
        tmp_path / "other", settings=["method.name=moon"], clients={0: 60.0}, splits={"generic-shop.csv": "x"}
    )
    with pytest.raises(
        UserError, match=r"can't be compared:\n  MOON and FedAvg have other test data: splits/generic-s"
    ):
        compared_runs([one, other], tmp_path / "out", "", "fedreid compare")
    assert not (tmp_path / "out").exists()
    third = make_run(tmp_path / "third", settings=["method.name=fedbn"], **alone)  # type: ignore[arg-type]
    found = compared_runs([one, other, third], tmp_path / "out", "", "fedreid compare")
    assert [variant.name for variant in found.variants] == ["FedAvg", "FedBN", "Local only"]
    assert [each.variant for each in found.apart] == ["MOON"]


def test_the_missing_row_of_clients_alone_is_told(tmp_path: Path, load: Load) -> None:
    """The reference's run brings it; where that fails, a reader learns why there is none."""
    experiment, out = load(METHODS), tmp_path / "out"
    planned = plan(experiment, out)
    finished = [step for step in planned.steps if step.variant.name != "A"]
    for step in finished:
        make_run(step.folder, seed=3, settings=step.overrides, clients={0: 50.0})
    found = compared_steps(experiment, out, planned, finished, [], "fedreid compare")
    assert "Local only lacks seed 3: its scores come with A, seed 3, which can't be used." in found.notes


def test_an_edited_run_of_an_experiment_counts_as_failed_and_the_rest_is_compared(tmp_path: Path, load: Load) -> None:
    experiment, out = load(METHODS), tmp_path / "out"
    planned = plan(experiment, out)
    for step in planned.steps:
        make_run(step.folder, seed=3, settings=step.overrides, clients={0: 50.0})
    edited = planned.steps[1].folder / "metrics.csv"
    edited.write_text(edited.read_text().replace("50.0", "90.0"))
    found = compared_steps(experiment, out, planned, planned.steps, [], "fedreid compare")
    assert [variant.name for variant in found.variants] == ["A", "C"]
    (failure,) = found.failures
    assert failure.step.title == "B, seed 3"
    assert failure.reason.startswith(f"{edited}: edited after the run was finished")
    assert failure.reason.endswith(f"To repeat it, remove {edited.parent} and compare again.")
    assert list(found.runs["state"]) == ["finished", "failed", "finished"]
    for step in planned.steps:
        (step.folder / "metrics.csv").write_text("")
    with pytest.raises(RunError, match=r"no run is as it was written:\n.*metrics.csv: edited"):
        compared_steps(experiment, out, planned, planned.steps, [], "fedreid compare")


def test_failures_that_were_edited_by_hand_are_read_as_far_as_they_make_sense(tmp_path: Path, load: Load) -> None:
    steps = plan(load('seeds = [0, 1]\ncentralised = false\n[[variants]]\nname = "A"'), tmp_path).steps
    entries = [
        {"variant": ["A"], "seed": {}},
        7,
        {"variant": "A", "seed": 1, "reason": "no memory", "exit_status": "x"},
    ]
    (tmp_path / FAILURES).write_text(json.dumps(entries))
    assert [(each.step.seed, each.reason, each.status) for each in read_failures(tmp_path, steps)] == [
        (1, "no memory", 0)
    ]


def test_a_record_of_runs_that_is_none_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text('{"runs": 3}')
    with pytest.raises(UserError, match=r"comparison.json: damaged: expected names and values. Compare again"):
        compared_again(tmp_path)


@pytest.mark.parametrize("timing", [None, [], {"total_seconds": "long"}])
def test_a_run_in_progress_may_say_anything_of_its_time(timing: object) -> None:
    assert str(seconds_of({"timing": timing})) == "nan"
