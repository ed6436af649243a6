"""Which channels go: ranks, ties, and how many a group keeps whatever its scores.

A score is larger for what is to stay. Equal scores: the earlier group first, then the lower index.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

Channel = tuple[str, int]
"""A group's name and an index in it: the unit of removal, however many filters it takes along."""

GUARD = 1e-9
"""Added before rounding down: 10 times .3 is 3, not 2.9999999999999996 rounded down."""


def whole(amount: float) -> int:
    """The amount rounded down, and up where only rounding of floats keeps it from a whole number."""
    return math.floor(amount + GUARD)


def removal_order(scores: Tensor) -> Tensor:
    """(channels,) -> (channels,) indices, first to go first.

    Raises:
        ValueError: a score that is not a number, which has no rank.
    """
    if torch.isnan(scores).any():
        raise ValueError(f"{int(torch.isnan(scores).sum())} of {len(scores)} scores are not a number")
    return torch.argsort(scores, stable=True)


def minimum_width(width: int, share: float = 0.1) -> int:
    """Channels that a group of this original width keeps: a share of them, at least one.

    A tenth is what the authors of chapter 6 of the dissertation use.

    Raises:
        ValueError: a share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the minimum share of channels must be from 0 to 1, found {share}")
    return max(1, whole(width * share))


def survivors(scores: Tensor, removed: int) -> Tensor:
    """Indices that stay, in ascending order, when the `removed` lowest go.

    Raises:
        ValueError: fewer than none would go, or no channel would stay.
    """
    if not 0 <= removed < len(scores):
        raise ValueError(f"can't remove {removed} of {len(scores)} channels: 0 to {len(scores) - 1} can go")
    return removal_order(scores)[removed:].sort().values


def uniform_removal(widths: Mapping[str, int], rate: float) -> dict[str, int]:
    """How many channels each group loses when all lose the same share, rounded down.

    Raises:
        ValueError: a rate that isn't from 0 to below 1.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"the share to remove must be from 0 to below 1, found {rate}")
    return {name: whole(width * rate) for name, width in widths.items()}


def candidates(scores: Tensor, floor: int, alive: Tensor | None = None) -> Tensor:
    """Indices that may go, in the order they would: not the `floor` best, not the dead, not those scored infinite.

    Args:
        scores: (channels,).
        floor: how many living channels stay whatever their scores.
        alive: (channels,) booleans; None: all are. Never guessed from a score: a living channel may score 0.

    Raises:
        ValueError: a floor below 1, a mask of another shape, or a living score that is not a number.
    """
    if floor < 1:
        raise ValueError(f"a group keeps at least 1 channel, found a minimum of {floor}")
    if alive is None:
        alive = torch.ones_like(scores, dtype=torch.bool)
    if alive.shape != scores.shape or alive.dtype != torch.bool:
        raise ValueError(f"expected {tuple(scores.shape)} booleans, found {tuple(alive.shape)} of {alive.dtype}")
    living = alive.nonzero().flatten()
    order = living[removal_order(scores[living])]
    order = order[: max(0, len(order) - floor)]
    return order[scores[order] < math.inf]


def smallest(
    scores: Mapping[str, Tensor],
    count: int,
    *,
    floors: Mapping[str, int],
    alive: Mapping[str, Tensor] | None = None,
) -> list[Channel]:
    """The `count` lowest-scored channels of all groups, in order of removal; fewer where no more may go.

    A channel of a residual group counts as one, although it takes a filter out of several convolutions. The best
    channels of each group (`floors`) leave the list before it is ranked, so that exactly `count` go.

    Args:
        scores: by group; groups tie in this order.
        count: at least 1.
        floors: by group, how many stay.
        alive: by group, booleans; a group without an entry is all alive.

    Raises:
        ValueError: a count below 1, a group without a floor, or a score that is not a number.
    """
    if count < 1:
        raise ValueError(f"at least 1 channel is removed at a time, found {count}")
    without = [name for name in scores if name not in floors]
    if without:
        raise ValueError(f"no minimum width for {', '.join(without)}")
    names, values, indices = [], [], []
    for name, group_scores in scores.items():
        chosen = candidates(group_scores, floors[name], (alive or {}).get(name))[:count]
        names += [name] * len(chosen)
        values.append(group_scores[chosen].double().cpu())
        indices += chosen.tolist()
    order = removal_order(torch.cat(values)) if values else torch.empty(0, dtype=torch.int64)
    return [(names[position], indices[position]) for position in order[:count].tolist()]
