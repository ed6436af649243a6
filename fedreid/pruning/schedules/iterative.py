"""Iterative pruning: score, remove a few channels, retrain a little, until the target is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.schedules.consumption import Consumption
from fedreid.pruning.schedules.descent import Limits, descend, floors_of, tiers_of
from fedreid.pruning.schedules.records import Pruned
from fedreid.pruning.schedules.shrinking import Shrinking

Score = Callable[[nn.Module, Sequence[ChannelGroup]], Mapping[str, Tensor]]


def iterative(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    score: Score,
    retrain: Callable[[nn.Module], None],
    costs: Consumption,
    limits: Limits | Sequence[Limits],
    *,
    channels_per_step: int = 25,
    minimum_share: float = 0.1,
    exact_last_step: bool = True,
    architecture: str | None = None,
) -> Pruned:
    """Prune by any criterion, step by step.

    Args:
        model: stays as it is.
        score: (the network, its groups as they are now) -> a score for each channel of each group, comparable between
            groups.
        retrain: trains the network a little, in place; its parameters are new objects at each call.
        costs: of the model and these groups.
        limits: what may remain of each resource; or several such sets, decreasing, for nested maps.

    Raises:
        UserError: limits that can't be met, or aren't decreasing.
    """
    return descend(
        Shrinking(model, groups, architecture),
        costs,
        tiers_of(limits),
        lambda network, missing: score(network.model, network.groups),
        count=channels_per_step,
        floors=floors_of(groups, minimum_share),
        exact_last_step=exact_last_step,
        after=lambda network: retrain(network.model),
    )
