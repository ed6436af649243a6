"""How filters that were set to zero learn in the epoch after: not at all, or no faster than their layer's others.

A filter of zeros emits a constant, so the BatchNorm behind it divides by the root of its epsilon alone, and the
gradient that comes back to the filter is up to 300 times what it was. One step then makes it far longer than any filter
that was trained, and the next choice by length zeroes those instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.schedules.soft import Chosen

Change = Callable[[Tensor], Tensor]


@contextmanager
def held_back(
    model: nn.Module, groups: Sequence[ChannelGroup], chosen: Chosen, *, frozen: bool, bounded: bool
) -> Iterator[None]:
    """While open, the gradients of these filters are changed.

    Args:
        chosen: what is zero, by group; groups without an entry are left alone.
        frozen: they get no gradient.
        bounded: the gradient of each is at most as long as the mean over the layer's other filters.
    """
    handles = []
    for group in groups if frozen or bounded else ():
        indices = list(chosen.get(group.name, ()))
        for layer in group.producers if indices else ():
            weight = model.get_submodule(layer).weight
            assert isinstance(weight, Tensor)
            handles.append(weight.register_hook(_without(indices) if frozen else bounding(indices)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _without(indices: Sequence[int]) -> Change:
    def mask(gradient: Tensor) -> Tensor:
        masked = gradient.clone()
        masked[list(indices)] = 0
        return masked

    return mask


def bounding(indices: Sequence[int]) -> Change:
    """A gradient in which no filter of these is longer than the others are on average."""

    def bound(gradient: Tensor) -> Tensor:
        lengths = gradient.flatten(1).norm(dim=1)
        is_zeroed = torch.zeros_like(lengths, dtype=torch.bool)
        is_zeroed[list(indices)] = True
        usual = lengths[~is_zeroed].mean()
        factors = torch.where(is_zeroed & (lengths > usual), usual / lengths, torch.ones_like(lengths))
        return gradient * factors.view(-1, *[1] * (gradient.dim() - 1))

    return bound
