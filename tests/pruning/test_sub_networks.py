"""Physically small networks: what removal leaves bit for bit, and what the full one with dead channels computes."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from fedreid.errors import UserError
from fedreid.pruning import (
    ChannelMap,
    full_map,
    groups_of,
    narrow,
    narrowed,
    slice_state,
    sub_network,
    tensor_map,
)
from tests.pruning.networks import (
    MINI_GROUPS,
    SEPARABLE_GROUPS,
    SIZE,
    MiniResidual,
    Separable,
    backbone,
    random_map,
    settings_of,
    with_statistics,
)

RESNETS = ("resnet10", "resnet18", "resnet34", "resnet50")
BACKBONES = (*RESNETS, "spherenet20")


def images(count: int = 4, size: tuple[int, int] = SIZE) -> torch.Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("frozen", [None, ()])
def test_a_slice_is_what_physical_removal_leaves(name, frozen):
    pruning = pytest.importorskip("torch_pruning", reason="the cross-check needs the extra `pruning`")
    model = with_statistics(backbone(name))
    groups = groups_of(model, frozen=frozen)
    channel_map = random_map(groups, name)
    small = sub_network(settings_of(name), channel_map, image_size=SIZE, state=model.state_dict()).eval()
    graph = pruning.DependencyGraph().build_dependency(model, example_inputs=images(2))
    for group in groups:
        gone = sorted(set(range(group.width)) - set(channel_map.kept[group.name]))
        if gone:
            layer = model.get_submodule(group.producers[0])
            graph.get_pruning_group(layer, pruning.prune_conv_out_channels, gone).prune()
    expected, found = model.state_dict(), small.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    with torch.no_grad():
        torch.testing.assert_close(small(images()), model.eval()(images()), rtol=1e-4, atol=1e-5)


def dead(model: nn.Module, groups, channel_map: ChannelMap) -> nn.Module:
    """The full network with the removed channels silenced: weights, scale and shift of every producer at 0."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for group in groups:
            gone = sorted(set(range(group.width)) - set(channel_map.kept[group.name]))
            for layer in (*group.producers, *group.batchnorms, *group.depthwise):
                for parameter in model.get_submodule(layer).parameters(recurse=False):
                    parameter[gone] = 0
    return model


@pytest.mark.parametrize("name", BACKBONES)
def test_silenced_channels_and_removed_ones_compute_the_same(name):
    model = with_statistics(backbone(name))
    groups = groups_of(model, frozen=())
    channel_map = random_map(groups, name, seed=2)
    with torch.no_grad():
        expected = dead(model, groups, channel_map)(images())
        found = narrowed(model, groups, channel_map)(images())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.std().item())


@pytest.mark.parametrize(
    ("made", "groups", "size"), [(MiniResidual, MINI_GROUPS, (16, 8)), (Separable, SEPARABLE_GROUPS, (8, 8))]
)
@pytest.mark.parametrize("seed", range(3))
def test_the_same_for_networks_with_groups_by_hand(made, groups, size, seed):
    model = with_statistics(made())
    channel_map = random_map(groups, "mini", seed)
    with torch.no_grad():
        expected = dead(model, groups, channel_map)(images(size=size))
        torch.testing.assert_close(narrowed(model, groups, channel_map)(images(size=size)), expected)


def test_attributes_say_what_the_layers_are():
    model = Separable()
    narrow(model, SEPARABLE_GROUPS, full_map(SEPARABLE_GROUPS, "a").compose({"conv1": [0, 5], "conv2": [1, 2, 4]}))
    assert (model.conv1.in_channels, model.conv1.out_channels) == (3, 2)
    assert (model.depthwise.groups, model.depthwise.in_channels, model.depthwise.out_channels) == (2, 2, 2)
    assert (model.bn.num_features, model.slope.num_parameters) == (2, 2)
    assert (model.conv2.in_channels, model.conv2.out_channels) == (2, 3)
    assert (model.fc.in_features, model.fc.out_features) == (48, 7)


def test_pruning_step_by_step_is_pruning_at_once():
    model = backbone("resnet18")
    groups = groups_of(model)
    lasting = full_map(groups, "resnet18")
    stepwise, now = copy.deepcopy(model), groups
    for gone in ({"layer2": [0, 5]}, {"layer2": [0], "layer1.0.conv1": [3]}, {"layer1.0.conv1": [3, 4]}):
        now = narrow(stepwise, now, full_map(now, "resnet18").without(gone))
        lasting = lasting.without(gone)
    expected = slice_state(model.state_dict(), tensor_map(groups, lasting))
    assert all(torch.equal(tensor, expected[key]) for key, tensor in stepwise.state_dict().items())
    assert {group.name: group.width for group in now} == lasting.kept_widths
    assert groups_of(stepwise) == now


def test_layers_that_keep_all_channels_keep_their_parameters():
    model = backbone("resnet10")
    before = dict(model.named_parameters())
    groups = groups_of(model)
    narrow(model, groups, full_map(groups, "resnet10").without({"layer4.0.conv1": [0]}))
    changed = {name for name, parameter in model.named_parameters() if parameter is not before[name]}
    batchnorm = {"layer4.0.bn1.weight", "layer4.0.bn1.bias"}
    assert changed == {"layer4.0.conv1.weight", "layer4.0.conv2.weight"} | batchnorm


@pytest.mark.parametrize("name", BACKBONES)
def test_a_sub_network_trains_by_itself(name):
    groups = groups_of(backbone(name))
    small = sub_network(settings_of(name), random_map(groups, name), image_size=SIZE)
    assert list(small.state_dict()) == list(backbone(name).state_dict())
    embeddings = small.train()(images(8))
    assert embeddings.shape == (8, 8)
    (embeddings * torch.rand(8, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in small.parameters() if parameter.grad.numel() > 1)


def test_random_values_come_from_the_generator_only():
    before = torch.random.get_rng_state()
    channel_map = random_map(groups_of(backbone("resnet10")), "resnet10")
    first, again, other = (
        sub_network(settings_of("resnet10"), channel_map, generator=torch.Generator().manual_seed(seed)).conv1.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_full_map_gives_the_network_itself():
    model = backbone("resnet50")
    found = sub_network(settings_of("resnet50"), full_map(groups_of(model), "resnet50"), state=model.state_dict())
    assert all(torch.equal(tensor, found.state_dict()[key]) for key, tensor in model.state_dict().items())
    assert found.layer1[0].conv2.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_shortcut_stays_where_pruning_makes_widths_equal():
    """A narrowed stage may be as wide as the one before; its first block has a shortcut convolution all the same."""
    groups = groups_of(backbone("resnet10"))
    channel_map = full_map(groups, "resnet10").compose({"layer2": range(8)})
    small = sub_network(settings_of("resnet10", last_stride=1), channel_map)
    assert small.layer2[0].downsample[0].weight.shape == (8, 8, 1, 1)


def test_narrowing_a_copy_leaves_the_model():
    model = MiniResidual()
    before = copy.deepcopy(model.state_dict())
    narrowed(model, MINI_GROUPS, random_map(MINI_GROUPS, "mini"))
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_refuses_a_map_of_another_architecture_or_width():
    channel_map = random_map(groups_of(backbone("resnet10")), "resnet10")
    with pytest.raises(ValueError, match="the map is of resnet10, the network is resnet18"):
        sub_network(settings_of("resnet18"), channel_map)
    with pytest.raises(ValueError, match="the map is of a network with 8 channels in layer1, found 16"):
        sub_network(settings_of("resnet10", 0.25), channel_map)


def test_refuses_values_of_another_network():
    channel_map = random_map(groups_of(backbone("resnet10")), "resnet10")
    with pytest.raises(ValueError, match=r"(?s)of another network than the map.*layer1\.1"):
        sub_network(settings_of("resnet10"), channel_map, state=backbone("resnet18").state_dict())
    with pytest.raises(ValueError, match="of another network"):
        sub_network(settings_of("resnet10"), channel_map, state=backbone("resnet10", 0.25).state_dict())


def test_a_refused_map_leaves_the_network_as_it_was():
    model = MiniResidual()
    before = dict(model.named_parameters())
    with pytest.raises(ValueError, match="group conv1: layer conv1 has 4 channels, expected 5"):
        narrow(model, [MINI_GROUPS[1], *_wider(MINI_GROUPS[:1])], random_map(MINI_GROUPS[1:2], "mini"))
    assert all(parameter is before[name] for name, parameter in model.named_parameters())


def _wider(groups):
    return [type(group)(group.name, group.width + 1, group.producers) for group in groups]


def test_refuses_a_network_without_a_table():
    with pytest.raises(UserError, match="no table"):
        groups_of(nn.Sequential(nn.Conv2d(3, 4, 1)))
