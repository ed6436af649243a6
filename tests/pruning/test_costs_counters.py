"""The cost model against other ways to count: networks that are built, a formula, and torch-pruning."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
import torch
from torch import nn

from fedreid.pruning import (
    ChannelGroup,
    costs_with,
    count,
    full_map,
    groups_of,
    impacts,
    layers_of,
    narrow,
    narrowed,
    savings,
    sub_network,
    total,
)
from tests.pruning.networks import SEPARABLE_GROUPS, SIZE, MiniResidual, Separable, backbone, random_map, settings_of


@pytest.mark.parametrize("name", ["resnet10", "resnet18", "resnet34", "resnet50", "spherenet20"])
def test_costs_by_widths_are_those_of_the_built_network(name):
    model = backbone(name)
    groups = groups_of(model, frozen=())
    channel_map = random_map(groups, name)
    small = sub_network(settings_of(name), channel_map, image_size=SIZE)
    found = costs_with(layers_of(model, SIZE), groups, channel_map.kept_widths)
    assert found == count(small, SIZE)
    assert found.params == sum(parameter.numel() for parameter in small.parameters())


def test_costs_by_widths_with_depthwise_slopes_and_flattened_maps():
    model = Separable()
    channel_map = random_map(SEPARABLE_GROUPS, "separable", seed=3)
    found = costs_with(layers_of(model, (8, 8)), SEPARABLE_GROUPS, channel_map.kept_widths)
    assert found == count(narrowed(model, SEPARABLE_GROUPS, channel_map), (8, 8))


def analytic(layers, group: ChannelGroup, widths: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """Section 4.2 of the specification, from (inputs, outputs) of each layer now."""
    shapes = {layer.name: layer for layer in layers}
    macs = params = 0
    for name in group.producers:
        kernel, positions = math.prod(shapes[name].kernel_size), math.prod(shapes[name].output_size)
        macs += widths[name][0] * kernel * positions
        params += widths[name][0] * kernel + shapes[name].biases
    for name in group.consumers:
        kernel, positions = math.prod(shapes[name].kernel_size), math.prod(shapes[name].output_size)
        macs += widths[name][1] * kernel * positions * group.positions.get(name, 1)
        params += widths[name][1] * kernel * group.positions.get(name, 1)
    return macs, params + 2 * len(group.batchnorms) + len(group.slopes)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "spherenet20"])
@pytest.mark.parametrize("is_pruned", [False, True])
def test_counting_again_agrees_with_the_formula(name, is_pruned):
    model = backbone(name)
    groups = groups_of(model, frozen=())
    if is_pruned:
        groups = narrow(model, groups, random_map(groups, name))
    layers = layers_of(model, SIZE)
    widths = {layer.name: (layer.inputs, layer.outputs) for layer in layers}
    saved = savings(layers, groups)
    for group in groups:
        # A layer between two stages of one group (3 x 3, from the group to itself) would need a cross term.
        assert not set(group.producers) & set(group.consumers)
        assert (saved[group.name].macs, saved[group.name].params) == analytic(layers, group, widths)


def test_one_channel_less_is_what_removal_saves():
    """Against building the smaller network, memory included."""
    model = backbone("resnet18")
    groups = groups_of(model, frozen=())
    resources = ("macs", "params", "training_memory", "inference_memory")
    found = impacts(model, groups, SIZE, resources=resources, batch_size=8, optimiser_slots=2)
    before = count(model, SIZE)
    options = {"batch_size": 8, "optimiser_slots": 2}
    for group in groups:
        without = full_map(groups, "resnet18").without({group.name: [0]})
        after = count(sub_network(settings_of("resnet18"), without), SIZE)
        for resource in resources:
            amounts = before.amount(resource, **options), after.amount(resource, **options)
            assert found[group.name][resource] == pytest.approx(1 - amounts[1] / amounts[0], abs=1e-12)


class Counted(nn.Sequential):
    """All that torch-pruning's counter counts."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 5),
        )


def test_agrees_with_torch_pruning_but_for_what_it_counts_besides():
    pruning = pytest.importorskip("torch_pruning", reason="the cross-check needs the extra `pruning`")
    model = Counted()
    macs, params = pruning.utils.count_ops_and_params(model, torch.zeros(1, 3, 8, 6))
    first, second = 4 * 48, 6 * 12  # values of the feature maps
    biases, norms, rectifiers, pools = first + 5, 2 * (first + second), first + second, first + second
    costs = count(model, (8, 6))
    assert macs - costs.macs == biases + norms + rectifiers + pools
    assert params == costs.params


def test_resnet50_agrees_with_torch_pruning():
    """Our networks rectify and pool by functions, which its counter doesn't see: BatchNorm is all that is left."""
    pruning = pytest.importorskip("torch_pruning", reason="the cross-check needs the extra `pruning`")
    model = backbone("resnet50", last_stride=2)
    for module in model.modules():
        if type(module).__name__ == "Shortcut":
            module.__class__ = nn.Conv2d  # it counts layers by their exact type
    macs, params = pruning.utils.count_ops_and_params(model, torch.zeros(1, 3, 64, 32))
    layers = layers_of(model, (64, 32))
    norms = sum(2 * layer.output_elements for layer in layers if layer.kind == "norm")
    assert macs == total(layers).macs + norms
    assert params == total(layers).params


def test_parameters_of_all_layers_add_up():
    for model, size in ((MiniResidual(), (16, 8)), (Separable(), (8, 8))):
        parts = list(accumulate(layer.params for layer in layers_of(model, size)))
        assert parts[-1] == sum(parameter.numel() for parameter in model.parameters())
