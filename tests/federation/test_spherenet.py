"""FedFR on a backbone without BatchNorm, from the scenario to the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

import fedreid
from tests.federation.conftest import Finished
from tests.federation.runs import METHODS, SHORT, same, stop

Files = Callable[[Path], dict[str, bytes]]
SPHERENET = (*SHORT, "model.backbone=spherenet20", "data.image_size=[32, 32]", "pretrain.learning_rate=0.01")


@pytest.fixture(scope="module")
def whole(finished: Finished) -> fedreid.RunResult:
    """An uninterrupted run of FedFR with all of its parts."""
    return finished(*SPHERENET, *METHODS["fedfr"])


def test_fedfr_trains_and_scores_it(whole: fedreid.RunResult) -> None:
    assert {"generic/tiny/mAP", "personalized/tiny/mAP"} <= whole.summary["final"].keys()
    start, end = (load_file(whole.run_dir / name) for name in ("start.safetensors", "model.safetensors"))
    assert start.keys() == end.keys()
    assert [name for name in end if start[name].equal(end[name])] == []  # slopes and biases are trained too
    assert end["embedding.weight"].shape == (16, 64 * 2 * 2)
    assert whole.summary["model"]["parameters"] == sum(tensor.numel() for tensor in end.values())


def test_the_run_says_what_has_no_effect_and_that_there_is_no_batchnorm(whole: fedreid.RunResult) -> None:
    log = (whole.run_dir / "log.txt").read_text()
    assert "model.stem = 'small' has no effect: model.backbone = 'spherenet20'" in log
    report = whole.report.read_text()
    assert "SphereNet-20" in report
    assert "running statistics" not in report


def test_a_stopped_run_ends_with_the_same_bits(
    whole: fedreid.RunResult, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    stop(scenario, tmp_path / "stopped", [*SPHERENET, *METHODS["fedfr"]])
    same(final_files(fedreid.resume(tmp_path / "stopped").run_dir), final_files(whole.run_dir))


def test_another_run_starts_from_its_model(whole: fedreid.RunResult, scenario: Path, tmp_path: Path) -> None:
    weights = whole.run_dir / "model.safetensors"
    overrides = [*SPHERENET, "federation.rounds=1", "pretrain.epochs=0", f"model.weights={weights}"]
    found = fedreid.run(scenario, out=tmp_path / "next", overrides=overrides)
    start, expected = load_file(found.run_dir / "start.safetensors"), load_file(weights)
    assert all(tensor.equal(expected[name]) for name, tensor in start.items())
    rows = found.metrics
    first = rows[(rows["round"] == 0) & (rows.scope == "generic") & (rows.metric == "mAP")].value
    assert first.tolist() == [pytest.approx(whole.summary["final"]["generic/tiny/mAP"])]


@pytest.mark.parametrize("method", ["fedper", "fedpav_distillation"])
def test_methods_with_private_layers_or_training_on_the_server(method: str, scenario: Path, tmp_path: Path) -> None:
    overrides = [*SPHERENET, *METHODS[method], "federation.rounds=1", "evaluation.open_set=never"]
    result = fedreid.run(scenario, out=tmp_path / "run", overrides=overrides)
    start, end = (load_file(result.run_dir / name) for name in ("start.safetensors", "model.safetensors"))
    is_same = {name for name in end if start[name].equal(end[name])}
    assert is_same == ({"embedding.weight", "embedding.bias"} if method == "fedper" else set())
