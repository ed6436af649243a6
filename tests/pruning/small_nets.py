"""A chain of two convolutions, small enough to train and prune in a test, and data for it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedreid.pruning.channel_group import ChannelGroup


def trained_chain(seed: int = 0) -> nn.Sequential:
    """Two convolutions with BatchNorm, whose scales and shifts are no longer those of a beginning."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1, bias=False),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 4),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        for norm in (model[1], model[4]):
            norm.weight.copy_(0.5 + torch.rand(norm.weight.shape, generator=generator))
            norm.bias.copy_(0.2 + 0.3 * torch.rand(norm.bias.shape, generator=generator))
    return model


CHAIN_SIZE = (8, 6)
CHAIN_GROUPS = (ChannelGroup("first", 12, ("0",), ("3",), ("1",)), ChannelGroup("second", 16, ("3",), ("8",), ("4",)))


def labelled(count: int, size: tuple[int, int], classes: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Mini-batches of 8 images and labels."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(8, 3, *size, generator=generator), torch.randint(classes, (8,), generator=generator))
        for _ in range(count)
    ]


def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean loss of a mini-batch."""
    return F.cross_entropy(model(batch[0]), batch[1])
