"""`fedreid prune`: text and exit status."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fedreid import run_folder

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run_dir(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder whose final model is its start."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    shutil.copytree(prepared, folder)
    shutil.copyfile(folder / run_folder.START, folder / run_folder.FINAL)
    return folder


@pytest.fixture
def prune(fedreid_command: Command, run_dir: Path, tmp_path: Path) -> Command:
    """`fedreid prune RUN --data RUN --out OUT --no-onnx` with some more arguments."""

    def call(*arguments: object, data: Path = run_dir) -> tuple[int, str, str]:
        out = tmp_path / "out"
        return fedreid_command("prune", run_dir, "--data", data, "--out", out, "--no-onnx", *arguments)

    return call


def test_a_table_before_and_after(prune: Command, tmp_path: Path) -> None:
    status, out, errors = prune("--criterion", "l1", "--macs", 0.5, "--fine-tune", 1, "--seed", 3)
    assert status == 0, errors
    lines = {line.split("  ")[0]: line.split() for line in out.splitlines()}
    assert out.splitlines()[0].split() == ["before", "pruned", "fine-tuned", "left,", "or", "change"]
    assert lines["MACs of one image"][4] == "2,077,696"
    assert float(lines["MACs of one image"][-2]) < 50
    assert {"parameters", "memory of training", "latency of one image", "tiny/mAP", "tiny/rank1"} <= lines.keys()
    assert out.splitlines()[-1] == f"pruned network: {tmp_path / 'out'}"
    assert (tmp_path / "out" / "table.csv").exists()
    assert "fine-tuning" in errors, "progress goes to the other stream"


def test_both_limits_and_a_scenarios_settings(prune: Command, scenario: Path) -> None:
    arguments = ("--macs", 0.6, "--params", 0.5, "--batches", 1, "--fine-tune", 0, "--images", "all")
    status, out, errors = prune(*arguments, "--set", "evaluation.batch_size=32", data=scenario)
    assert status == 0, errors
    kept = {line.split("  ")[0]: line.split()[-2] for line in out.splitlines() if line.endswith("%")}
    assert float(kept["MACs of one image"]) <= 60
    assert float(kept["parameters"]) <= 50


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "how much may remain? Give at least one of --macs, --params, --memory and --latency"),
        (("--macs", 0.5, "--criterion", "l3"), "--criterion l3: expected one of l1, l2"),
        (("--macs", 0.5, "--schedule", "slow"), "--schedule slow: expected one of one_shot"),
        (("--macs", 0.5, "--set", "model.width=1"), "--set model.width=1: the network is what"),
        (("--macs", 0.5, "--set", "method.speed=1"), "[method] speed is not a setting"),
        (("--macs", 1e-6), "no pruned network meets these limits"),
        (("--macs", "half"), "'half' is not a valid float"),
        (("--macs", 0.5, "--latency", 0.5, "--latency-table", "/nowhere.json"), "can't be read as a latency table"),
        (("--macs", 0.5, "--set", "partition.identities_per_client=0"), "give --images all"),
    ],
)
def test_a_mistake(arguments: tuple[object, ...], text: str, prune: Command, tmp_path: Path) -> None:
    status, out, errors = prune(*arguments)
    assert (status, out) == (2, "")
    assert text in errors
    assert not (tmp_path / "out").exists()


def test_what_is_missing_for_the_export_is_told_at_once(
    fedreid_command: Command, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    status, _, errors = fedreid_command("prune", run_dir, "--data", run_dir, "--out", tmp_path / "o", "--macs", 0.5)
    assert status == 2
    assert "needs onnx, onnxscript, onnxruntime, which are not installed" in errors


def test_data_that_is_no_scenario(prune: Command, tmp_path: Path) -> None:
    status, _, errors = prune("--macs", 0.5, data=tmp_path)
    assert status == 2
    assert str(tmp_path / "scenario.toml") in errors
