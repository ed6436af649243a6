"""The memory that a network takes: the formula, and the feature maps that autograd really keeps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedreid.pruning import Costs, costs_with, count, groups_of, layers_of, narrowed
from tests.pruning.networks import SIZE, backbone, random_map


def test_memory_is_the_formula():
    costs = Costs(macs=1, params=100, activations=50, largest_pass=30)
    assert costs.training_memory(8) == 4 * (100 * 3 + 8 * 50)
    assert costs.training_memory(2, optimiser_slots=2) == 4 * (100 * 4 + 2 * 50)
    assert costs.inference_memory == 4 * 130
    amounts = [costs.amount(name) for name in ("macs", "params", "training_memory", "inference_memory")]
    assert amounts == [1, 100, 4 * (300 + 32 * 50), 520]


def kept_for_backward(model: nn.Module, images: torch.Tensor) -> int:
    """Bytes for each image that autograd saves of feature maps in a real pass of a batch."""
    seen: dict[int, torch.Tensor] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dim() > 1 and tensor.untyped_storage().data_ptr() not in weights:
            seen.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        output = model(images.to(memory_format=torch.channels_last))
    assert output.requires_grad
    return sum(tensor.numel() * tensor.element_size() for tensor in seen.values()) // len(images)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "spherenet20"])
@pytest.mark.parametrize("stem", ["small", "imagenet"])
@pytest.mark.parametrize("last_stride", [1, 2])
def test_activations_are_what_autograd_keeps(name, stem, last_stride):
    model = backbone(name, 0.25, stem=stem, last_stride=last_stride).train()
    images = torch.zeros(3, 3, *SIZE)
    assert 4 * count(model, SIZE).activations == kept_for_backward(model, images)
    groups = groups_of(model, frozen=())
    channel_map = random_map(groups, name)
    found = costs_with(layers_of(model, SIZE), groups, channel_map.kept_widths)
    assert 4 * found.activations == kept_for_backward(narrowed(model, groups, channel_map), images)


def test_without_the_head_nothing_is_kept_of_it():
    model = backbone("resnet18", 0.25)
    trunk = nn.Sequential(model.conv1, model.bn1, nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
    trunk.extend((model.layer1, model.layer2, model.layer3, model.layer4))
    assert count(model, SIZE, include_head=False) == count(trunk, SIZE)


def test_a_feature_map_that_two_layers_read_is_kept_once():
    branches = nn.Module()
    branches.first, branches.second = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 4, 1)
    branches.forward = lambda x: torch.cat([branches.first(x), branches.second(x)], 1)
    assert count(branches, (5, 1)).activations == 15
