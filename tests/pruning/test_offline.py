"""`fedreid.prune`: a trained backbone in, a small one out; which images it uses, and that it is repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fedreid import run_folder
from fedreid.compression.images import read_images, validation_split
from fedreid.compression.training import mean_embeddings
from fedreid.errors import UserError
from fedreid.progress import Progress
from fedreid.pruning import ChannelMap, count, groups_of, is_nested, slice_state, tensor_map
from fedreid.scenario import load_scenario
from tests.pruning.conftest import Prune, share

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def test_proxies_are_mean_embeddings_of_unit_length() -> None:
    found = mean_embeddings(np.array([[1.0, 0], [0, 1], [0, -1]], np.float32), np.array([0, 0, 1]))
    torch.testing.assert_close(found, torch.tensor([[0.5**0.5, 0.5**0.5], [0, -1]]))


def test_public_images_alone_or_all_training_images(trained: Path, tmp_path: Path) -> None:
    """13 people with 6 images; 3 clients have 3 people each, and 2 or 3 images of each are held out."""
    scenario = load_scenario(trained / "scenario.toml").scenario
    public = read_images(scenario, tmp_path / "a", "public", Progress()).training
    everyone = read_images(scenario, tmp_path / "b", "all", Progress()).training
    assert (len(public), public.num_identities) == (4 * 6, 4)
    assert (len(everyone), everyone.num_identities) == (13 * 6, 13)
    assert set(public.identities) < set(everyone.identities)


def test_people_to_choose_by_are_a_tenth_and_at_least_two_and_nobody_trains_on_them(
    trained: Path, tmp_path: Path
) -> None:
    scenario = load_scenario(trained / "scenario.toml").scenario
    everyone = read_images(scenario, tmp_path / "all", "all", Progress()).training
    training, asked = validation_split(everyone, np.random.default_rng(0))
    assert (training.num_identities, asked.num_identities) == (11, 2)
    assert not set(training.identities) & set(asked.identities)
    with pytest.raises(UserError, match="at least 4 in all; found 2"):
        validation_split(asked, np.random.default_rng(0))


def test_without_pruning_and_training_nothing_changes(prune: Prune, trained: Path) -> None:
    result = prune(schedule="none")
    before, after = load_file(trained / run_folder.FINAL), load_file(result.out / run_folder.FINAL)
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert list(result.table["stage"]) == ["before"]
    assert result.channel_map.kept_widths == dict(result.channel_map.widths)


def test_a_pruned_network_is_a_slice_with_statistics_of_its_own(prune: Prune, trained: Path) -> None:
    result = prune(criterion="l2", limits={"macs": 0.5})
    scenario = load_scenario(trained / "scenario.toml").scenario
    assert share(result, "macs") < 0.5
    assert result.table["macs"].iloc[-1] == count(result.model, scenario.data.image_size).macs
    assert list(result.table["stage"]) == ["before", "pruned"]
    whole = load_file(trained / run_folder.FINAL)
    small = load_file(result.out / run_folder.FINAL)
    expected = slice_state(whole, _tensors(trained, result.channel_map))
    same = {name for name in small if torch.equal(small[name], expected[name])}
    assert {name for name in small if name not in same} == {name for name in small if name.endswith(STATISTICS)}


def _tensors(run_dir: Path, channel_map: ChannelMap) -> dict[str, tuple[np.ndarray | None, np.ndarray | None]]:
    from fedreid.models import build_backbone

    return tensor_map(groups_of(build_backbone(load_scenario(run_dir / "scenario.toml").scenario.model)), channel_map)


def test_the_map_of_a_network_pruned_twice_counts_from_the_whole_one(prune: Prune, trained: Path) -> None:
    once = prune(criterion="l1", limits={"macs": 0.6})
    twice = prune(criterion="fpgm", limits={"params": 0.6}, checkpoint=once.out, out="twice")
    assert is_nested(twice.channel_map, once.channel_map)
    assert twice.channel_map != once.channel_map
    assert twice.table["params"].iloc[0] == once.table["params"].iloc[-1]
    expected = slice_state(load_file(trained / run_folder.FINAL), _tensors(trained, twice.channel_map))
    for name, tensor in load_file(twice.out / run_folder.FINAL).items():
        assert name.endswith(STATISTICS) or torch.equal(tensor, expected[name]), name


def test_fine_tuning_is_repeatable_and_depends_on_the_seed(prune: Prune) -> None:
    found = [
        (prune(limits={"macs": 0.7}, fine_tune=1, seed=seed, out=name).out / run_folder.FINAL).read_bytes()
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert found[0] == found[1] != found[2]
