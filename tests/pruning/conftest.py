"""A trained run, and `fedreid.prune` on it, for the tests of pruning a whole network."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file

import fedreid
from fedreid import PruneOptions, PruneResult, run_folder
from fedreid.progress import Progress
from fedreid.scenario import load_scenario
from tests.pruning.networks import with_statistics

Prune = Callable[..., PruneResult]


@pytest.fixture(scope="package")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a final model, whose BatchNorms aren't the identity."""
    from fedreid.models import build_backbone

    run_dir = tmp_path_factory.mktemp("trained") / "run"
    shutil.copytree(prepared, run_dir)
    scenario = load_scenario(run_dir / "scenario.toml").scenario
    model = with_statistics(build_backbone(scenario.model))
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, run_dir / run_folder.FINAL)
    return run_dir


@pytest.fixture
def prune(trained: Path, tmp_path: Path) -> Prune:
    """Prunes the trained run, by default without export and fine-tuning, on few mini-batches."""

    def call(
        *overrides: str,
        checkpoint: Path = trained,
        out: str = "out",
        progress: Progress | None = None,
        **options: object,
    ) -> PruneResult:
        few = {"fine_tune": 0, "onnx": False, "batches": 2, "channels_per_step": 8}
        chosen = PruneOptions(**(few | options))  # type: ignore[arg-type]
        return fedreid.prune(checkpoint, trained, tmp_path / out, chosen, overrides=overrides, progress=progress)

    return call


def share(result: PruneResult, resource: str) -> float:
    """What is left of a resource, as a share of what there was."""
    return float(result.table[resource].iloc[-1] / result.table[resource].iloc[0])
