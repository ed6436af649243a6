"""The loop that iterative schedules share: score, remove the least, look whether the target is met."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from torch import Tensor

from fedreid.errors import UserError
from fedreid.pruning.criteria.caie import objectives
from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.maps import ChannelMap
from fedreid.pruning.schedules.consumption import NAMES, Consumption, is_met, told
from fedreid.pruning.schedules.records import Pruned, Step
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.selection import Channel, minimum_width, smallest

Limits = Mapping[str, float]
Importance = Callable[[Shrinking, Mapping[str, float]], Mapping[str, Tensor]]
"""(the network as it is, what is missing of each resource) -> a score for each channel that is left."""


def floors_of(groups: Sequence[ChannelGroup], share: float) -> dict[str, int]:
    """How many channels each group keeps at least."""
    return {group.name: minimum_width(group.width, share) for group in groups}


def tiers_of(limits: Limits | Sequence[Limits]) -> tuple[Limits, ...]:
    """One set of limits or several, the loosest first.

    Raises:
        UserError: none, or a later one that allows more of something than an earlier one: its network would have to
            be larger, and the networks of one descent lie inside each other.
    """
    tiers = (limits,) if isinstance(limits, Mapping) else tuple(limits)
    if not tiers:
        raise UserError("no target: give at least one set of limits.")
    for number, (earlier, later) in enumerate(pairwise(tiers), start=1):
        looser = [name for name in later if name in earlier and later[name] > earlier[name]]
        if looser:
            raise UserError(
                f"tier {number + 1} allows more {', '.join(looser)} than tier {number}: give them in decreasing order, "
                "each inside the one before."
            )
    return tiers


def descend(
    network: Shrinking,
    costs: Consumption,
    tiers: Sequence[Limits],
    importance: Importance,
    *,
    count: int,
    floors: Mapping[str, int],
    exact_last_step: bool = True,
    after: Callable[[Shrinking], None] | None = None,
) -> Pruned:
    """Remove `count` channels at a time until each tier's limits are met, one tier after the other.

    Args:
        exact_last_step: the last step of a tier removes one channel at a time, in rank order, and no more than needed.
        after: called after each removal.

    Raises:
        UserError: limits that can't be met: refused at the start where counting shows it, or when no candidate is
            left.
    """
    for limits in tiers:
        costs.check(limits, floors)
    steps: list[Step] = []
    maps: list[ChannelMap] = []
    amounts = costs.amounts(network.widths)
    for limits in tiers:
        while not is_met(amounts, limits):
            missing = objectives(amounts, limits)
            chosen = smallest(importance(network, missing), count, floors=floors)
            if not chosen:
                raise UserError(_stuck(amounts, limits))
            if exact_last_step:
                chosen = _no_more_than_needed(chosen, network.widths, costs, limits)
            removed = network.remove(chosen)
            if after is not None:
                after(network)
            amounts = costs.amounts(network.widths)
            steps.append(Step(len(steps) + 1, "remove", network.widths, removed, amounts))
        maps.append(network.channel_map)
    return Pruned(network.model, network.channel_map, tuple(steps), tuple(maps))


def narrowed(widths: Mapping[str, int], chosen: Sequence[Channel]) -> dict[str, int]:
    """The widths after these channels have gone."""
    after = dict(widths)
    for name, _ in chosen:
        after[name] -= 1
    return after


def _no_more_than_needed(
    chosen: list[Channel], widths: Mapping[str, int], costs: Consumption, limits: Limits
) -> list[Channel]:
    """The shortest beginning of the list that meets the limits, or all of it."""
    if len(chosen) == 1 or not is_met(costs.amounts(narrowed(widths, chosen)), limits):
        return chosen
    for length in range(1, len(chosen)):
        if is_met(costs.amounts(narrowed(widths, chosen[:length])), limits):
            return chosen[:length]
    return chosen


def _stuck(amounts: Mapping[str, float], limits: Limits) -> str:
    rows = [f"  {NAMES.get(name, name)}: {told(name, amounts[name])}, must be below {told(name, limit)}"
            for name, limit in limits.items() if not amounts[name] < limit]  # fmt: skip
    return "no channel is left whose removal would help to meet these limits:\n" + "\n".join(rows)
