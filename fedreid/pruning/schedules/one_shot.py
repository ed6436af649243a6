"""One-shot: score once, remove down to the target. Fine-tuning afterwards is the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from fedreid.errors import UserError
from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.maps import ChannelMap
from fedreid.pruning.schedules.consumption import Consumption, is_met
from fedreid.pruning.schedules.descent import Limits, floors_of, narrowed, tiers_of
from fedreid.pruning.schedules.records import Pruned, Step
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.selection import Channel, smallest


def one_shot(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    scores: Mapping[str, Tensor],
    costs: Consumption,
    limits: Limits | Sequence[Limits],
    *,
    minimum_share: float = 0.1,
    architecture: str | None = None,
) -> Pruned:
    """Remove the channels of the lowest scores of all groups, no more than the limits need.

    Args:
        model: stays as it is.
        groups: those that may lose channels.
        scores: by group, comparable between groups.
        costs: of the model and these groups.
        limits: what may remain of each resource; or several such sets, decreasing, for nested maps.
        minimum_share: the share of its channels that each group keeps whatever its scores.
        architecture: what the maps are of, see `Shrinking`.

    Raises:
        UserError: limits that can't be met, or aren't decreasing.
        ValueError: scores of other groups or widths.
    """
    tiers, floors = tiers_of(limits), floors_of(groups, minimum_share)
    for tier in tiers:
        costs.check(tier, floors)
    _fit(groups, scores)
    network = Shrinking(model, groups, architecture)
    full = network.widths
    ranking = smallest({group.name: scores[group.name] for group in groups}, max(1, sum(full.values())), floors=floors)
    length, maps, steps = 0, list[ChannelMap](), list[Step]()
    for number, tier in enumerate(tiers, start=1):
        gone, length = ranking[:length], _enough(ranking, length, full, costs, tier)
        removed = network.remove(_among_survivors(ranking[len(gone) : length], gone))
        maps.append(network.channel_map)
        steps.append(Step(number, "remove", network.widths, removed, costs.amounts(network.widths)))
    return Pruned(network.model, network.channel_map, tuple(steps), tuple(maps))


def _enough(
    ranking: Sequence[Channel], at_least: int, widths: Mapping[str, int], costs: Consumption, limits: Limits
) -> int:
    """How much of the ranking has to go. By bisection: a network only gets smaller."""
    low, high = at_least, len(ranking)
    if not is_met(costs.amounts(narrowed(widths, ranking)), limits):
        raise UserError(f"removing every channel that may go doesn't meet the limits on {', '.join(limits)}.")
    while low < high:
        middle = (low + high) // 2
        if is_met(costs.amounts(narrowed(widths, ranking[:middle])), limits):
            high = middle
        else:
            low = middle + 1
    return low


def _among_survivors(channels: Sequence[Channel], gone: Sequence[Channel]) -> list[Channel]:
    """The same channels, numbered among those that are left once others have gone."""
    return [(name, index - sum(other == name and lost < index for other, lost in gone)) for name, index in channels]


def _fit(groups: Sequence[ChannelGroup], scores: Mapping[str, Tensor]) -> None:
    for group in groups:
        found = tuple(scores[group.name].shape) if group.name in scores else None
        if found != (group.width,):
            raise ValueError(f"group {group.name}: expected {group.width} scores, found {found or 'none'}")
