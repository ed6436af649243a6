"""Options of `fedreid.prune`: what goes together, and what is refused before any image is read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from safetensors.torch import save_file

import fedreid
from fedreid import PruneOptions
from fedreid.errors import UserError
from fedreid.scenario import load_scenario
from tests.pruning.conftest import Prune


@pytest.mark.parametrize(
    ("given", "criterion", "schedule"),
    [
        ({}, "caie", "caie"),
        ({"criterion": "l1"}, "l1", "uniform"),
        ({"criterion": "taylor_activation"}, "taylor_activation", "one_shot"),
        ({"schedule": "uniform"}, "sparsity", "uniform"),
        ({"schedule": "psfp"}, "l2", "psfp"),
        ({"criterion": "caie", "schedule": "one_shot"}, "caie", "one_shot"),
    ],
)
def test_what_is_left_open_is_what_goes_together(given: dict[str, str], criterion: str, schedule: str) -> None:
    found = PruneOptions(limits={"macs": 0.5}, **given).resolved()
    assert (found.criterion, found.schedule) == (criterion, schedule)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"criterion": "l3"}, "--criterion l3: expected one of l1, l2, sparsity"),
        ({"schedule": "twice"}, "--schedule twice: expected one of one_shot, uniform"),
        ({"images": "mine"}, "--images mine: expected one of public, all"),
        (
            {"schedule": "caie", "criterion": "l1"},
            "doesn't take --criterion l1: it takes caie, taylor_batchnorm",
        ),
        ({"schedule": "iterative", "criterion": "caie"}, "--schedule iterative doesn't take --criterion caie"),
        ({"schedule": "psfp", "criterion": "taylor_batchnorm"}, "psfp doesn't take --criterion taylor_batchnorm"),
        ({"limits": {}}, "how much may remain? Give at least one of --macs"),
        ({"limits": {"macs": -1.0}}, "--macs -1.0: expected above 0"),
        ({"limits": {"params": math.inf, "macs": 0.5}}, "--params inf: expected above 0"),
        ({"limits": {"macs": math.nan}}, "--macs nan: expected above 0"),
        ({"schedule": "cpo", "limits": {}, "drop": math.nan}, "--drop nan: expected a number of at least 0"),
        ({"learning_rate": math.inf}, "--learning-rate inf: expected a number of at least 0"),
        ({"seed": -1}, "--seed -1: expected a number of at least 0"),
        ({"schedule": "cpo"}, "--schedule cpo has no use for --macs: give --drop instead"),
        ({"schedule": "none"}, "--schedule none has no use for --macs: leave it out"),
        ({"schedule": "cpo", "limits": {}}, "--schedule cpo needs --drop"),
        ({"drop": 1.0}, "--drop is for --schedule cpo and play_and_prune, not for caie"),
        ({"fine_tune": -1}, "--fine-tune -1: expected a number of at least 0"),
        ({"channels_per_step": 0}, "--channels-per-step 0: expected at least 1"),
        ({"minimum_share": 1.5}, "--minimum-share 1.5: expected 0 to 1"),
        ({"latency_table": Path("x")}, "--latency-table is for --latency, which isn't given"),
    ],
)
def test_contradictions_are_refused(given: dict[str, object], text: str) -> None:
    options = PruneOptions(**({"limits": {"macs": 0.5}} | given))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=text.replace("?", r"\?")):
        options.resolved()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"limits": {"macs": 1e9}}, "the network already meets these limits"),
        ({"limits": {"macs": 0.0001}}, "no pruned network meets these limits"),
        (
            {"limits": {"macs": 50.0}},
            r"macs: asked for less than 50, .*\n  Above 1 .* as --macs 50; up to 1 it is a share",
        ),
        (
            {"limits": {"memory": 0.01}},
            r"  memory of training: asked for less than 0\.\d+ MB, the narrowest network needs 0\.\d+ MB \(of 2.\d+ MB",
        ),
        ({"limits": {"macs": 0.5}, "checkpoint": Path("/nowhere")}, "/nowhere does not exist"),
    ],
)
def test_mistakes_are_told_before_images_are_read(
    change: dict[str, object], text: str, prune: Prune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedreid.compression.command.read_images", lambda *_: pytest.fail("images were read"))
    with pytest.raises(UserError, match=text):
        prune(**change)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("criterion", ["", "bn_scale", "taylor_batchnorm"])
def test_a_criterion_that_reads_what_the_network_lacks(
    criterion: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fedreid.models import build_backbone

    monkeypatch.setattr("fedreid.compression.command.read_images", lambda *_: pytest.fail("images were read"))
    overrides = ["model.backbone=spherenet20", "model.width=0.125"]
    settings = load_scenario(trained / "scenario.toml", overrides).scenario.model
    tensors = build_backbone(settings, image_size=(32, 16)).state_dict()
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, tmp_path / "sphere.safetensors")
    options = PruneOptions(criterion=criterion, limits={"macs": 0.5}, onnx=False)
    told = (
        rf"--criterion {criterion or 'caie'} reads BatchNorms, and spherenet20 has none: .* l1, .*, taylor_activation"
    )
    with pytest.raises(UserError, match=told):
        fedreid.prune(
            tmp_path / "sphere.safetensors", trained / "scenario.toml", tmp_path / "out", options, overrides=overrides
        )


def test_nobody_is_public(prune: Prune, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nobody is public in tiny, .*\n.*give --images all"):
        prune("partition.identities_per_client=0", limits={"macs": 0.5})
    assert not (tmp_path / "out").exists(), "so that the corrected command can use the folder"
