"""Uniform removal: every group loses the same share of its channels. The baseline of chapter 5 of the dissertation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from fedreid.errors import UserError
from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.schedules.consumption import Consumption, is_met
from fedreid.pruning.schedules.descent import Limits
from fedreid.pruning.schedules.records import Pruned, Step
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.selection import removal_order, uniform_removal

GRID = 1000


def uniform(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    scores: Mapping[str, Tensor],
    rate: float,
    *,
    architecture: str | None = None,
) -> Pruned:
    """Remove floor(width x rate) channels of each group, the lowest scores of that group first.

    Layers that read pruned channels lose inputs too, so that of the parameters about (1 - rate)² stay.

    Args:
        model: stays as it is.
        scores: by group; only ranks inside a group count. The dissertation takes `sparsity`.
        rate: from 0 to below 1; `uniform_rate` finds it for a target.

    Raises:
        ValueError: a rate outside its range, or scores of other groups or widths.
    """
    network = Shrinking(model, groups, architecture)
    counts = uniform_removal(network.widths, rate)
    for name, width in network.widths.items():
        if name not in scores or tuple(scores[name].shape) != (width,):
            raise ValueError(f"group {name}: expected {width} scores")
    chosen = [(name, index) for name, count in counts.items() for index in removal_order(scores[name])[:count].tolist()]
    removed = network.remove(chosen)
    step = Step(1, "remove", network.widths, removed, {"rate": rate})
    return Pruned(network.model, network.channel_map, (step,), (network.channel_map,))


def uniform_rate(costs: Consumption, limits: Limits) -> float:
    """The smallest rate, in thousandths, that gets below the limits.

    Raises:
        UserError: none does.
    """
    widths = {group.name: group.width for group in costs.groups}

    def meets(thousandths: int) -> bool:
        gone = uniform_removal(widths, thousandths / GRID)
        return is_met(costs.amounts({name: width - gone[name] for name, width in widths.items()}), limits)

    costs.check(limits, dict.fromkeys(widths, 1))
    low, high = 0, GRID - 1
    if not meets(high):
        raise UserError(f"no uniform removal meets the limits on {', '.join(limits)}: some groups are too narrow.")
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if meets(middle) else (middle + 1, high)
    return low / GRID
