"""A network that loses channels physically, step by step, and remembers which.

Physical removal rather than masks: a masked network is exact only while scale, shift and weights of every dead channel
are held at zero against the optimiser, still trains at full cost, and its BatchNorms still count. A network that
shrinks needs none of that, gets faster on the way, and its widths are the cost model's input.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable

from torch import nn

from fedreid.pruning.groups import ChannelGroup, architecture_of, check_groups, with_widths
from fedreid.pruning.maps import full_map
from fedreid.pruning.selection import Channel
from fedreid.pruning.sub_networks import narrow


class Shrinking:
    """A copy of a model, to be cut.

    Args:
        model: stays as it is.
        groups: of the model; others of its channels stay.
        architecture: what the maps are of; None: what `architecture_of` says, which knows our backbones only.

    Attributes:
        model: the network as it is now. Its parameters are new objects after every cut, so an optimiser has to be made
            anew, as chapter 6 of the dissertation does at every step anyway.
        groups: as wide as they are now.
        channel_map: what is left, numbered as in the model given.

    Raises:
        ValueError: the groups aren't this model's, or there are none.
    """

    def __init__(self, model: nn.Module, groups: Iterable[ChannelGroup], architecture: str | None = None) -> None:
        self.groups = tuple(groups)
        if not self.groups:
            raise ValueError("there is no group to prune: all are frozen, or none was given")
        check_groups(model, self.groups)
        self.model = copy.deepcopy(model)
        self.channel_map = full_map(self.groups, architecture or architecture_of(model))

    @property
    def widths(self) -> dict[str, int]:
        """Channels left in each group."""
        return self.channel_map.kept_widths

    def remove(self, channels: Iterable[Channel]) -> dict[str, tuple[int, ...]]:
        """Take channels out.

        Args:
            channels: (group, index among the channels that are left now), such as `selection.smallest` gives.

        Returns:
            By group, their numbers in the model that was given.

        Raises:
            ValueError: a group would lose its last channel, or there is no such group or channel.
        """
        positions: dict[str, list[int]] = {}
        for name, index in channels:
            positions.setdefault(name, []).append(index)
        before = self.channel_map
        after = before.without(positions)
        gone = {name: tuple(sorted(set(before.kept[name]) - set(after.kept[name]))) for name in positions}
        changed = [group for group in self.groups if group.name in positions]
        narrow(self.model, changed, full_map(changed, before.architecture).without(positions))
        self.groups = with_widths(self.groups, after.kept_widths)
        self.channel_map = after
        return gone

    def saved(self) -> Shrinking:
        """A copy, to come back to."""
        return copy.deepcopy(self)
