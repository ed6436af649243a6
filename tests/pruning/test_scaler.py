"""HeteroFL's scaler: activations of pruned convolutions divided by the share that is left, in training only."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from fedreid.pruning import ChannelMap, groups_of, narrowed, sub_network
from fedreid.pruning.scaler import scale_while_training
from tests.pruning.networks import SIZE, backbone, settings_of
from tests.pruning.small_nets import CHAIN_GROUPS, trained_chain

MAP = ChannelMap("chain", {"first": 12, "second": 16}, {"first": (0, 3, 7), "second": tuple(range(8))})
SHARES = {"0": 0.25, "3": 0.5}


def half_of(name: str) -> tuple[nn.Module, nn.Module, ChannelMap]:
    """A network, its half, and the map."""
    whole = backbone(name)
    groups = groups_of(whole)
    kept = {group.name: tuple(range(group.width // 2)) for group in groups}
    channel_map = ChannelMap(name, {group.name: group.width for group in groups}, kept)
    return whole, sub_network(settings_of(name), channel_map, image_size=SIZE, state=whole.state_dict()), channel_map


class Divided(nn.Module):
    """The published form: a layer of its own behind the convolution."""

    def __init__(self, convolution: nn.Module, share: float) -> None:
        super().__init__()
        self.convolution, self.share = convolution, share

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        return x / self.share if self.training else x


def chain(*, published: bool) -> nn.Sequential:
    """Activations so small that a BatchNorm's epsilon matters."""
    model = narrowed(trained_chain(), CHAIN_GROUPS, MAP)
    with torch.no_grad():
        for layer in ("0", "3"):
            model.get_submodule(layer).weight.mul_(1e-2)  # type: ignore[operator, union-attr]
    if not published:
        scale_while_training(model, CHAIN_GROUPS, MAP)
        return model
    for layer, share in SHARES.items():
        model[int(layer)] = Divided(model[int(layer)], share)
    return model


def test_training_is_that_of_the_published_layer() -> None:
    images = torch.randn(8, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    ours, published = chain(published=False).train(), chain(published=True).train()
    plain = narrowed(trained_chain(), CHAIN_GROUPS, MAP).train()
    plain.load_state_dict(ours.state_dict())
    found, expected, without = (model(images) for model in (ours, published, plain))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    assert (found - without).abs().max() > 1e-2 * without.abs().max(), "it makes a difference here"
    for output in (found, expected):
        output.square().sum().backward()
    weight = published[0].convolution.weight.grad  # type: ignore[union-attr]
    torch.testing.assert_close(ours[0].weight.grad, weight, rtol=1e-3, atol=1e-5 * weight.abs().max().item())


def test_evaluation_and_running_statistics_are_those_without_it() -> None:
    images = torch.randn(8, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    ours = chain(published=False)
    plain = narrowed(trained_chain(), CHAIN_GROUPS, MAP)
    plain.load_state_dict(ours.state_dict())
    ours.train()(images)
    plain.train()(images)
    assert ours[1].running_var.equal(plain[1].running_var)
    plain.load_state_dict(ours.state_dict())
    assert ours.eval()(images).equal(plain.eval()(images))


@pytest.mark.parametrize("name", ["resnet10", "spherenet20"])
def test_every_pruned_convolution_has_it(name: str) -> None:
    whole, half, channel_map = half_of(name)
    plain = copy.deepcopy(half)
    scale_while_training(half, groups_of(whole, frozen=()), channel_map)
    images = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    assert half.eval()(images).equal(plain.eval()(images))
    seen: dict[str, Tensor] = {}
    for model, label in ((half, "scaled "), (plain, "plain ")):
        for layer, module in model.named_modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(
                    lambda _, __, output, key=label + layer: seen.__setitem__(key, output.detach())
                )
        model.train()(images)
    first = {"resnet10": "conv1", "spherenet20": "stage1.conv"}[name]
    factor = 1 if name == "resnet10" else 2  # behind a BatchNorm it is in epsilon
    torch.testing.assert_close(seen[f"scaled {first}"], factor * seen[f"plain {first}"])
    norms = [module for module in half.modules() if isinstance(module, nn.BatchNorm2d)]
    pruned = [module.eps == pytest.approx(1e-5 / 4) for module in norms]
    frozen = sum("layer4" in layer and layer.endswith(("bn2", "downsample.1")) for layer, _ in half.named_modules())
    assert pruned.count(False) == (frozen if name == "resnet10" else 0)


def test_a_whole_network_has_nothing_to_scale() -> None:
    model = trained_chain()
    full = ChannelMap("chain", {"first": 12, "second": 16}, {"first": tuple(range(12)), "second": tuple(range(16))})
    scale_while_training(model, CHAIN_GROUPS, full)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
