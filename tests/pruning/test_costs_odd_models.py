"""Counting leaves models as they are, knows layers that are used twice or never, and refuses what it can't count."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedreid.pruning import Costs, count, impacts, layers_of, with_widths
from tests.pruning.networks import MINI_GROUPS, SIZE, MiniResidual, backbone


def test_counting_leaves_the_model_alone():
    model = backbone("resnet10").train()
    model.layer1.eval()
    modes = [module.training for module in model.modules()]
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    count(model, SIZE)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_failed_pass_leaves_no_hooks():
    model = backbone("spherenet20")
    with pytest.raises(ValueError, match="for images of 32 x 32, found 64 x 32"):
        count(model, (64, 32))
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_is_used_twice_has_its_parameters_once():
    layer = nn.Conv2d(3, 3, 3, padding=1, bias=False)
    costs = count(nn.Sequential(layer, layer), (4, 4))
    assert (costs.macs, costs.params) == (2 * 81 * 16, 81)


def test_a_layer_that_is_never_used_has_parameters_alone():
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False))
    model[0].add_module("idle", nn.Linear(5, 4))
    assert count(model, (2, 2)) == Costs(6 * 4, 6 + 24, 12, 12 + 8)


@pytest.mark.parametrize("odd", [nn.GroupNorm(1, 4), nn.ConvTranspose2d(4, 4, 2), nn.LayerNorm(4)])
def test_refuses_layers_that_it_can_not_count(odd):
    with pytest.raises(ValueError, match=f"can't count the costs of 1: .* found {type(odd).__name__}"):
        count(nn.Sequential(nn.Conv2d(3, 4, 1), odd), (4, 4))


def test_refuses_what_is_not_there():
    with pytest.raises(ValueError, match="the model has no module classifier"):
        layers_of(MiniResidual(), (16, 8), without=("classifier",))
    with pytest.raises(ValueError, match=r"one of macs, params, .*found flops"):
        impacts(MiniResidual(), MINI_GROUPS, (16, 8), resources=("flops",))
    with pytest.raises(ValueError, match="found 0 and 1"):
        count(MiniResidual(), (16, 8)).training_memory(0)
    with pytest.raises(ValueError, match="layer conv1 has 4 channels, expected 5"):
        impacts(MiniResidual(), with_widths(MINI_GROUPS, {"conv1": 5}), (16, 8))
    with pytest.raises(ValueError, match="consumes no macs"):
        impacts(nn.Sequential(nn.PReLU(3)), (), (2, 2), resources=("macs",))
