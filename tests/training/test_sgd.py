"""Our SGD step against PyTorch's own, and against its formula worked out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fedreid.training.sgd import Sgd


def network(seed: int = 0) -> nn.Sequential:
    """Sizes that no vector length divides, a 1x1 convolution (contiguous and channels last at once), channels last."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(3, 7, 7, bias=False), nn.BatchNorm2d(7), nn.ReLU(), nn.Conv2d(7, 5, 3), nn.Conv2d(5, 2, 1)
    )
    return model.to(memory_format=torch.channels_last)


def weights(model: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 5e-4), (0.9, 0.0), (0.0, 5e-4)])
def test_does_what_torch_does_bit_for_bit(momentum, weight_decay):
    ours, theirs = network(), network()
    images = torch.randn(4, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    sgd = Sgd(list(ours.parameters()), 0.1, momentum=momentum, weight_decay=weight_decay)
    reference = torch.optim.SGD(theirs.parameters(), 0.1, momentum=momentum, weight_decay=weight_decay, fused=True)
    for step in range(5):
        sgd.learning_rate = reference.param_groups[0]["lr"] = 0.1 / (step + 1)
        for model, optimiser in ((ours, sgd), (theirs, reference)):
            model(images + step).square().mean().backward()
            optimiser.step()
            optimiser.zero_grad()
        assert all(torch.equal(a, b) for a, b in zip(weights(ours), weights(theirs), strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(weights(ours), weights(network()), strict=True))


def test_two_steps_by_hand():
    """w = 2, g = 1 and 3, rate 0.5, momentum 0.5, decay 0.25: v = 1.5, w = 1.25; v = 0.75 + 3.3125, w = -0.78125."""
    weight = nn.Parameter(torch.tensor([2.0]))
    sgd = Sgd([weight], 0.5, momentum=0.5, weight_decay=0.25)
    for gradient, expected in ((1.0, 1.25), (3.0, -0.78125)):
        weight.grad = torch.tensor([gradient])
        sgd.step()
        assert weight.item() == expected


@pytest.mark.parametrize("weight_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("gradient_format", [torch.contiguous_format, torch.channels_last])
def test_a_gradient_may_lie_in_memory_in_another_order(weight_format, gradient_format):
    """PyTorch's fused step mixes the values up when the two differ."""
    values, gradient = torch.randn(4, 3, 3, 3), torch.randn(4, 3, 3, 3)
    weight = nn.Parameter(values.clone(memory_format=weight_format))
    weight.grad = gradient.clone(memory_format=gradient_format)
    Sgd([weight], 0.5, momentum=0.9, weight_decay=0.0).step()
    assert torch.equal(weight.detach(), values - 0.5 * gradient)


def test_without_a_gradient_nothing_changes_and_momentum_starts_with_the_first():
    early, late = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    sgd = Sgd([early, late], 0.5, momentum=0.5, weight_decay=0.25)
    early.grad = torch.ones(2)
    sgd.step()
    assert torch.equal(late.detach(), torch.ones(2))
    sgd.zero_grad()
    assert early.grad is None
    late.grad = torch.ones(2)
    sgd.step()
    assert torch.equal(late.detach(), torch.full((2,), 1 - 0.5 * 1.25))
    assert torch.equal(early.detach(), torch.full((2,), 1 - 0.5 * 1.25))  # once


def test_weights_with_gaps_are_refused():
    for values in (torch.zeros(4, 4)[:, ::2], torch.zeros(4, 4, 3, 3)[:, ::2]):
        with pytest.raises(ValueError, match="neither contiguous nor channels last"):
            Sgd([values], 0.1, momentum=0.9, weight_decay=0.0)
