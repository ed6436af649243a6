"""From a map of kept channels to the rows and columns that a sub-network has of every tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.channel_map import ChannelMap

__all__ = ["ChannelMap", "Indices", "TensorMap", "expanded", "full_map", "is_nested", "tensor_map"]

PER_CHANNEL = ("weight", "bias", "running_mean", "running_var")
Indices = np.ndarray | None
TensorMap = dict[str, tuple[Indices, Indices]]
"""For a key of the state dict the kept indices of its first and second dimension; None: all of them."""


def full_map(groups: Iterable[ChannelGroup], architecture: str) -> ChannelMap:
    """The map of the network itself, with nothing removed."""
    widths = {group.name: group.width for group in groups}
    return ChannelMap(architecture, widths, {name: tuple(range(width)) for name, width in widths.items()})


def is_nested(small: ChannelMap, large: ChannelMap) -> bool:
    """Whether the small sub-network has no channel that the large one lacks.

    Raises:
        ValueError: they are of different networks.
    """
    if small.architecture != large.architecture:
        raise ValueError(f"maps of different networks: {small.architecture} and {large.architecture}")
    for name in set(small.widths) & set(large.widths):
        if small.widths[name] != large.widths[name]:
            raise ValueError(f"maps of different networks: {name} has {small.widths[name]} and {large.widths[name]}")
    whole = {name: tuple(range(width)) for name, width in {**small.widths, **large.widths}.items()}
    return all(set(small.kept.get(name, ids)) <= set(large.kept.get(name, ids)) for name, ids in whole.items())


def tensor_map(groups: Sequence[ChannelGroup], channel_map: ChannelMap) -> TensorMap:
    """What the map means for the state dict: keys and dimensions that aren't in the result are kept whole.

    Keys that a layer could have are named whether it has them or not (a convolution's bias).

    Args:
        groups: of the network that is cut: the full one, unless the map counts from a smaller one.
        channel_map: of the same network.

    Raises:
        ValueError: a group that only the map has, or another width than the map's.
    """
    by_name = {group.name: group for group in groups}
    for name, width in channel_map.widths.items():
        if name not in by_name:
            raise ValueError(f"the map has a group {name}, the network has none; it has {', '.join(by_name)}")
        if by_name[name].width != width:
            raise ValueError(f"the map is of a network with {width} channels in {name}, found {by_name[name].width}")
    result: TensorMap = {}
    for name, kept in channel_map.kept.items():
        group, ids = by_name[name], np.asarray(kept, np.int64)
        if len(ids) == group.width:
            continue
        for layer in (*group.producers, *group.batchnorms, *group.depthwise, *group.slopes):
            for tensor in PER_CHANNEL:
                _narrow(result, f"{layer}.{tensor}", 0, ids)
        for layer in group.consumers:
            _narrow(result, f"{layer}.weight", 1, expanded(ids, group.positions.get(layer, 1)))
    return result


def expanded(ids: np.ndarray, positions: int) -> np.ndarray:
    """Channels -> inputs of a layer behind a flattened map: channel c has c * positions to (c + 1) * positions - 1."""
    return (ids[:, None] * positions + np.arange(positions)).reshape(-1)


def _narrow(result: TensorMap, key: str, dimension: int, ids: np.ndarray) -> None:
    rows, columns = result.get(key, (None, None))
    if (rows, columns)[dimension] is not None:
        raise ValueError(f"{key} belongs to two groups in the same dimension")
    result[key] = (ids, columns) if dimension == 0 else (rows, ids)
