"""Soft pruning: filters that are set to zero, and may come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.selection import removal_order

Chosen = Mapping[str, Sequence[int]]
"""By group, indices of its channels."""


def lowest(scores: Mapping[str, Tensor], counts: Mapping[str, int]) -> dict[str, list[int]]:
    """The lowest-scored channels of each group, so many of each.

    Raises:
        ValueError: a group would lose its last channel.
    """
    for name, values in scores.items():
        if counts[name] >= len(values):
            raise ValueError(f"group {name} would lose its last channel: {counts[name]} of {len(values)}")
    return {name: removal_order(values)[: counts[name]].tolist() for name, values in scores.items()}


@torch.no_grad()
def zero_filters(model: nn.Module, groups: Sequence[ChannelGroup], chosen: Chosen) -> None:
    """Set the same filters of every convolution that produces a group to zero, in place; only the weights.

    Scale and shift of the BatchNorm behind stay: with both at zero no gradient would ever reach the filter again, and
    soft pruning would be hard pruning. The price: until removal the channel still emits a constant.
    """
    for group in groups:
        for layer in group.producers:
            _weight(model, layer)[list(chosen[group.name])] = 0


@torch.no_grad()
def forget_momentum(
    model: nn.Module, groups: Sequence[ChannelGroup], chosen: Chosen, optimiser: torch.optim.Optimizer
) -> None:
    """Set what an optimiser remembers of these filters to zero, so that only new gradients move them."""
    for group in groups:
        for layer in group.producers:
            weight = _weight(model, layer)
            for memory in optimiser.state.get(weight, {}).values():
                if isinstance(memory, Tensor) and memory.shape == weight.shape:
                    memory[list(chosen[group.name])] = 0


def _weight(model: nn.Module, layer: str) -> Tensor:
    weight = model.get_submodule(layer).weight
    assert isinstance(weight, Tensor)
    return weight
