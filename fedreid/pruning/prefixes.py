"""Channels chosen by their place alone: the first ones of every layer, or a window that moves on."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fedreid.errors import UserError
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.schedules.consumption import Consumption, is_met

GRID = 1000


def prefix_widths(widths: Mapping[str, int], rate: float) -> dict[str, int]:
    """ceil(rate N) channels of each group, as in HeteroFL (Diao, Ding and Tarokh, ICLR 2021)."""
    return {name: max(1, math.ceil(rate * width - 1e-9)) for name, width in widths.items()}


def prefix_map(full: ChannelMap, rate: float) -> ChannelMap:
    """The first channels of each group: HeteroFL's sub-network, and FjORD's (Horvath et al., NeurIPS 2021)."""
    kept = {name: tuple(range(width)) for name, width in prefix_widths(full.widths, rate).items()}
    return ChannelMap(full.architecture, full.widths, kept)


def prefix_rate(costs: Consumption, limits: Mapping[str, float]) -> float:
    """The largest share of channels, in thousandths, with which a network stays below the limits.

    Raises:
        UserError: none does.
    """
    widths = {group.name: group.width for group in costs.groups}
    for thousandths in range(GRID, 0, -1):
        if is_met(costs.amounts(prefix_widths(widths, thousandths / GRID)), limits):
            return thousandths / GRID
    raise UserError(f"even one channel of each layer exceeds the limits on {', '.join(limits)}.")


def rolled(channel_map: ChannelMap, steps: int) -> ChannelMap:
    """The same number of channels of each group, from channel `steps` on and round the end again.

    FedRolex (Alam et al., NeurIPS 2022): roll(arange(N), round mod N)[:ceil(r N)], the same shift in all layers.
    Groups that are whole stay so. Which channel of the small network is which doesn't matter, so they stay in order.
    """
    kept = {
        name: tuple(sorted((steps + place) % channel_map.widths[name] for place in range(len(ids))))
        for name, ids in channel_map.kept.items()
    }
    return ChannelMap(channel_map.architecture, channel_map.widths, kept)
