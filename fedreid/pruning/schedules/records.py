"""What a pruning schedule hands back: the small network, its map, and what happened on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import nn

from fedreid.pruning.maps import ChannelMap


@dataclass(frozen=True)
class Step:
    """One step of a schedule, for a log or a figure.

    Attributes:
        number: from 1.
        event: what was done, such as "remove", "soft zero", "probe", "step back", "commit".
        widths: channels of each group after it. Of soft pruning, those that aren't zero.
        removed: by group, the numbers in the full network of the channels that went.
        figures: what was counted or measured, by name: consumption, rates, scores, sensitivities.
        group: the group that the step was about, if about one.
    """

    number: int
    event: str
    widths: Mapping[str, int]
    removed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None

    def rows(self) -> list[dict[str, object]]:
        """Long form, one row for each group: step, event, group, width, removed, and the figures of the step."""
        return [
            {
                "step": self.number,
                "event": self.event,
                "group": name,
                "width": width,
                "removed": len(self.removed.get(name, ())),
                **self.figures,
            }
            for name, width in self.widths.items()
        ]


@dataclass(frozen=True)
class Pruned:
    """A pruned network.

    Attributes:
        model: physically small, with the full network's state-dict keys.
        channel_map: what it kept, by the channels' numbers in the network that the schedule was given.
        steps: in order.
        tiers: for a schedule with several targets the map at each of them, the largest first; the last is
            `channel_map`.
    """

    model: nn.Module
    channel_map: ChannelMap
    steps: tuple[Step, ...]
    tiers: tuple[ChannelMap, ...] = ()
