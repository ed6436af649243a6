"""Loading weights by key, and what a user reads when the file doesn't fit."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from fedreid.errors import UserError
from fedreid.models import build_backbone, load_imagenet_weights
from fedreid.scenario.schema import ModelSettings

SETTINGS = ModelSettings(backbone="resnet10", width=0.125, embedding_dim=16)


def torchvision_style(settings: ModelSettings = SETTINGS) -> dict[str, Tensor]:
    """Other random weights under torchvision's names, with a classifier and without our head."""
    state = build_backbone(settings, generator=torch.Generator().manual_seed(99)).state_dict()
    state = {name: tensor.contiguous() for name, tensor in state.items() if not name.startswith("embedding")}
    return state | {"fc.weight": torch.ones(1000, 64), "fc.bias": torch.ones(1000)}


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.safetensors"])
def test_trunk_is_replaced_and_head_kept(tmp_path: Path, name):
    source, path = torchvision_style(), tmp_path / name
    save_file(source, path) if path.suffix == ".safetensors" else torch.save(source, path)
    model = build_backbone(SETTINGS)
    head = model.embedding.weight.clone()
    report = load_imagenet_weights(model, path)
    state = model.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in source.items() if not key.startswith("fc."))
    assert torch.equal(model.embedding.weight, head)
    assert set(report.loaded) == set(source) - {"fc.weight", "fc.bias"}
    assert report.missing == report.unexpected == ()
    assert model.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_missing_and_unused_tensors_are_reported(tmp_path: Path, caplog):
    source = torchvision_style()
    del source["layer3.0.bn1.bias"]
    source["extra.weight"] = torch.zeros(1)
    save_file(source, tmp_path / "w.safetensors")
    with caplog.at_level(logging.WARNING):
        report = load_imagenet_weights(build_backbone(SETTINGS), tmp_path / "w.safetensors")
    assert report.missing == ("layer3.0.bn1.bias",)
    assert report.unexpected == ("extra.weight",)
    assert "lacks 1 tensors: layer3.0.bn1.bias" in caplog.text
    assert "extra.weight" in caplog.text


def test_old_files_lack_the_counters_of_batchnorm(tmp_path: Path):
    source = {name: tensor for name, tensor in torchvision_style().items() if "num_batches" not in name}
    torch.save(source, tmp_path / "w.pth")
    assert load_imagenet_weights(build_backbone(SETTINGS), tmp_path / "w.pth").missing == ()


def test_wrong_shape_names_file_key_shapes_and_remedy(tmp_path: Path):
    path = tmp_path / "wide.pth"
    torch.save(torchvision_style(SETTINGS.model_copy(update={"width": 0.25})), path)
    model = build_backbone(SETTINGS)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UserError) as caught:
        load_imagenet_weights(model, path)
    text = str(caught.value)
    assert all(part in text for part in (str(path), "conv1.weight", "(16, 3, 7, 7)", "(8, 3, 7, 7)", "model.width"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def write_nothing_of_ours(path: Path) -> None:
    torch.save({"encoder.block.0": torch.zeros(1)}, path)


def write_garbage(path: Path) -> None:
    path.write_bytes(b"not weights at all")


def write_half(path: Path) -> None:
    torch.save(torchvision_style(), path)
    path.write_bytes(path.read_bytes()[:1000])


def write_nested(path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": torchvision_style()}, path)


def write_code(path: Path) -> None:
    torch.save(build_backbone(SETTINGS), path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: None, "does not exist"),
        (write_nothing_of_ours, "no tensor of this backbone: it has encoder.block.0"),
        (write_garbage, "can't be read as weights"),
        (lambda path: path.write_text("epoch,loss\n1,0.5\n"), "can't be read as weights"),
        (write_half, "can't be read as weights"),
        (write_nested, "expected tensors by name"),
        (write_code, "can't be read as weights"),
        (Path.mkdir, "can't be read as weights"),
    ],
)
def test_unsuitable_files_are_refused_by_name(tmp_path: Path, write, message):
    path = tmp_path / "weights.pth"
    write(path)
    with pytest.raises(UserError, match=message) as caught:
        load_imagenet_weights(build_backbone(SETTINGS), path)
    assert str(path) in str(caught.value)


def test_damaged_safetensors_are_refused_by_name(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    write_garbage(path)
    with pytest.raises(UserError, match="can't be read as weights"):
        load_imagenet_weights(build_backbone(SETTINGS), path)


SPHERE = ModelSettings(backbone="spherenet20", width=0.125, embedding_dim=16)


def test_a_run_of_a_spherenet_is_taken_as_a_whole(tmp_path: Path):
    source = build_backbone(SPHERE, image_size=(32, 32), generator=torch.Generator().manual_seed(99)).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in source.items()}, tmp_path / "model.safetensors")
    model = build_backbone(SPHERE, image_size=(32, 32))
    report = load_imagenet_weights(model, tmp_path / "model.safetensors")
    assert set(report.loaded) == set(source)
    assert all(torch.equal(tensor, source[name]) for name, tensor in model.state_dict().items())


def test_a_spherenet_refuses_a_run_with_other_images(tmp_path: Path):
    torch.save(build_backbone(SPHERE, image_size=(64, 32)).state_dict(), tmp_path / "run.pth")
    with pytest.raises(UserError, match=r"embedding\.weight has shape \(16, 512\), expected \(16, 256\)") as caught:
        load_imagenet_weights(build_backbone(SPHERE, image_size=(32, 32)), tmp_path / "run.pth")
    assert "data.image_size" in str(caught.value)


def test_a_spherenet_refuses_a_resnet_even_one_with_its_head(tmp_path: Path):
    """64 channels at one position: both heads are (16, 64)."""
    model = build_backbone(SPHERE, image_size=(16, 16))
    torch.save(build_backbone(SETTINGS).state_dict(), tmp_path / "resnet.pth")
    before = model.embedding.weight.clone()
    with pytest.raises(
        UserError, match=r"no tensor of this backbone: it has conv1\.weight.* expected stage1"
    ) as caught:
        load_imagenet_weights(model, tmp_path / "resnet.pth")
    assert "a run's model.safetensors" in str(caught.value)
    assert torch.equal(model.embedding.weight, before)
