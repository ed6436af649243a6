"""Which network `fedreid prune` is given: runs, pruned folders, files; and everything that is none of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fedreid import run_folder
from fedreid.compression.checkpoint import CHANNELS, PRUNED, load_checkpoint
from fedreid.compression.files import write_network
from fedreid.errors import UserError
from fedreid.pruning import full_map, groups_of, narrowed
from fedreid.scenario import Scenario, load_scenario


@pytest.fixture
def run_dir(prepared: Path, tmp_path: Path) -> Path:
    """A run folder whose final model is its start."""
    shutil.copytree(prepared, tmp_path / "run")
    shutil.copyfile(tmp_path / "run" / run_folder.START, tmp_path / "run" / run_folder.FINAL)
    return tmp_path / "run"


@pytest.fixture
def other(run_dir: Path) -> Scenario:
    """A scenario of another network."""
    return load_scenario(run_dir / "scenario.toml", ["model.backbone=resnet18"]).scenario


@pytest.fixture
def pruned(run_dir: Path, other: Scenario) -> Path:
    """What an earlier pruning wrote: every second channel."""
    found = load_checkpoint(run_dir, other)
    groups = groups_of(found.model)
    half = full_map(groups, "resnet10").compose({group.name: range(0, group.width, 2) for group in groups})
    folder = run_dir.parent / "pruned"
    folder.mkdir()
    write_network(folder, narrowed(found.model, groups, half), half, found, (32, 16))
    content = {"format": 1, "model": found.settings.model_dump(mode="json")}
    (folder / PRUNED).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("name", ["", run_folder.FINAL])
def test_a_run_knows_its_network(name: str, run_dir: Path, other: Scenario) -> None:
    found = load_checkpoint(run_dir / name, other)
    assert found.settings.backbone == "resnet10"
    assert (found.channel_map, found.notes) == (None, ())
    expected = load_file(run_dir / run_folder.FINAL)
    assert all(torch.equal(tensor, expected[key]) for key, tensor in found.model.state_dict().items())


def test_a_pruned_folder_knows_its_network_and_its_channels(pruned: Path, other: Scenario) -> None:
    found = load_checkpoint(pruned, other)
    assert found.channel_map is not None
    assert found.channel_map.kept["layer1"] == (0, 2, 4, 6)
    assert found.model.get_submodule("layer1.0.conv1").weight.shape[:2] == (4, 4)


def test_a_lone_file_is_of_the_scenarios_network(run_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    shutil.copyfile(run_dir / run_folder.FINAL, file)
    assert load_checkpoint(file, load_scenario(run_dir / "scenario.toml").scenario).settings.backbone == "resnet10"


def test_weights_without_an_embedding_head_are_noted(run_dir: Path, tmp_path: Path) -> None:
    """As ImageNet's."""
    trunk = {key: tensor for key, tensor in load_file(run_dir / run_folder.FINAL).items() if "embedding" not in key}
    save_file(trunk, tmp_path / "imagenet.safetensors")
    found = load_checkpoint(tmp_path / "imagenet.safetensors", load_scenario(run_dir / "scenario.toml").scenario)
    assert "has no embedding head: it starts from random values" in found.notes[0]


def test_what_is_no_checkpoint(run_dir: Path, pruned: Path, other: Scenario, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="is neither a run folder nor a pruned one"):
        load_checkpoint(tmp_path / "empty", other)
    with pytest.raises(UserError, match="does not exist: expected a run folder"):
        load_checkpoint(tmp_path / "nowhere", other)
    with pytest.raises(UserError, match=f"--set model.width=2: the network is what {run_dir} says"):
        load_checkpoint(run_dir, other, ["seed=1", "model.width=2"])
    with pytest.raises(UserError, match=f"--set model.width=2: the network is what {pruned} says"):
        load_checkpoint(pruned, other, ["model.width=2"])
    shutil.copyfile(run_dir / run_folder.FINAL, tmp_path / "weights.safetensors")
    wide = load_scenario(run_dir / "scenario.toml", ["model.width=0.5"]).scenario
    with pytest.raises(UserError, match=r"^\S+weights.safetensors: .* has shape"):
        load_checkpoint(tmp_path / "weights.safetensors", wide)
    (run_dir / run_folder.FINAL).unlink()
    with pytest.raises(UserError, match=f"its run isn't finished. Go on with: fedreid resume {run_dir}"):
        load_checkpoint(run_dir, other)


def test_a_pruned_folder_that_was_changed(pruned: Path, run_dir: Path, other: Scenario) -> None:
    shutil.copyfile(run_dir / run_folder.FINAL, pruned / run_folder.FINAL)
    with pytest.raises(UserError, match=r"isn't the network that .*channels.json describes"):
        load_checkpoint(pruned, other)
    (pruned / CHANNELS).write_text("{}")
    with pytest.raises(UserError, match="expected a map of kept channels of version 1, found None"):
        load_checkpoint(pruned, other)
    (pruned / PRUNED).write_text('{"format": 9}')
    with pytest.raises(UserError, match="expected a pruned network of version 1, found 9"):
        load_checkpoint(pruned, other)
    (pruned / PRUNED).write_text("half a fi")
    with pytest.raises(UserError, match="can't be read as the description of a pruned network"):
        load_checkpoint(pruned, other)


@pytest.mark.parametrize("text", ["hello\n", "", "step,loss\n1,2.5\n"])
def test_a_file_that_holds_no_weights(text: str, run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_text(text)
    with pytest.raises(UserError, match=r"weights\.pth can't be read as weights"):
        load_checkpoint(tmp_path / "weights.pth", load_scenario(run_dir / "scenario.toml").scenario)


def test_weights_of_a_training_that_diverged(run_dir: Path, pruned: Path, other: Scenario) -> None:
    for folder in (run_dir, pruned):
        tensors = load_file(folder / run_folder.FINAL)
        tensors["layer2.0.conv1.weight"][0, 0] = torch.nan
        save_file(tensors, folder / run_folder.FINAL)
        with pytest.raises(UserError, match=r"model\.safetensors: layer2\.0\.conv1\.weight holds nan or inf"):
            load_checkpoint(folder, other)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"layer2.1.conv1.weight": torch.zeros(2, 2, 3, 3)}, "it also has layer2.1.conv1.weight"),
        ({"layer2.0.conv1.weight": None}, "it lacks layer2.0.conv1.weight"),
    ],
)
def test_a_part_of_another_network(
    change: dict[str, torch.Tensor | None], text: str, run_dir: Path, tmp_path: Path
) -> None:
    """A ResNet-18 has every tensor of a ResNet-10, of the same shapes, and more; half a file has fewer."""
    tensors = load_file(run_dir / run_folder.FINAL) | change
    save_file({key: value for key, value in tensors.items() if value is not None}, tmp_path / "deep.safetensors")
    with pytest.raises(UserError, match=rf"is of another network than resnet10: {text}\.\n  Set model\.backbone"):
        load_checkpoint(tmp_path / "deep.safetensors", load_scenario(run_dir / "scenario.toml").scenario)


def test_an_imagenet_classifier_is_of_no_use_and_no_fault(run_dir: Path, tmp_path: Path) -> None:
    tensors = load_file(run_dir / run_folder.FINAL)
    trunk = {key: tensor for key, tensor in tensors.items() if "embedding" not in key and "tracked" not in key}
    save_file(trunk | {"fc.weight": torch.zeros(5, 3), "fc.bias": torch.zeros(5)}, tmp_path / "imagenet.safetensors")
    found = load_checkpoint(tmp_path / "imagenet.safetensors", load_scenario(run_dir / "scenario.toml").scenario)
    assert len(found.notes) == 1


def test_a_pruned_folder_whose_head_or_file_is_another(pruned: Path, other: Scenario) -> None:
    tensors = load_file(pruned / run_folder.FINAL)
    tensors["embedding.weight"] = tensors["embedding.weight"][:-1].contiguous()
    save_file(tensors, pruned / run_folder.FINAL)
    with pytest.raises(UserError, match=r"describes \(size mismatch for embedding\.weight: .*\[\d+, \d+\]\)\)\.$"):
        load_checkpoint(pruned, other)
    (pruned / run_folder.FINAL).unlink()
    with pytest.raises(UserError, match=r"^\S+model\.safetensors is no file: expected the network's weights"):
        load_checkpoint(pruned, other)


def test_a_network_for_images_of_another_size(run_dir: Path, tmp_path: Path) -> None:
    shutil.copyfile(run_dir / run_folder.FINAL, tmp_path / "weights.safetensors")
    given = load_scenario(run_dir / "scenario.toml").scenario
    model = given.model.model_copy(update={"backbone": "spherenet20"})
    data = given.data.model_copy(update={"image_size": (40, 16)})
    odd = given.model_copy(update={"model": model, "data": data})
    with pytest.raises(UserError, match=r"data.image_size doesn't suit spherenet20: image sides must be multiples"):
        load_checkpoint(tmp_path / "weights.safetensors", odd)
