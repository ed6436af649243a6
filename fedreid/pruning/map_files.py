"""Maps that a user brings along: read, and held against the network and the tiers that they are for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fedreid.errors import UserError
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.schedules.consumption import Consumption, is_met


def maps_from(
    files: Sequence[str], full: ChannelMap, costs: Consumption, limits: Sequence[Mapping[str, float]]
) -> list[ChannelMap]:
    """The map of each tier below the whole network, with an entry for each group that may be pruned.

    Args:
        files: one for each of the limits.
        full: of the network itself, with the groups that may lose channels.
        costs: of these groups.
        limits: what the tiers may take, the largest first.

    Raises:
        UserError: naming the file that is no map, or one of another network, or takes more than its tier.
    """
    return [_read(Path(os.path.expandvars(file)).expanduser(), full, costs, limit)
            for file, limit in zip(files, limits, strict=True)]  # fmt: skip


def _read(path: Path, full: ChannelMap, costs: Consumption, limit: Mapping[str, float]) -> ChannelMap:
    found = ChannelMap.load(path)
    if found.architecture != full.architecture:
        raise UserError(
            f"pruning.map_files: {path} is a map of {found.architecture}, and the network is a {full.architecture}."
        )
    for name, width in found.widths.items():
        if name not in full.widths and len(found.kept[name]) < width:
            raise UserError(
                f"pruning.map_files: {path} removes channels of {name}, which keeps all of them here: groups that "
                f"may lose some are {', '.join(full.widths)} (see pruning.embedding_channels_frozen)."
            )
        if full.widths.get(name, width) != width:
            raise UserError(
                f"pruning.map_files: {path} is of a network with {width} channels in {name}, and this one has "
                f"{full.widths[name]}: it needs the same model.width."
            )
    kept = {name: found.kept.get(name, ids) for name, ids in full.kept.items()}
    complete = replace(full, kept=kept)
    amounts = costs.amounts(complete.kept_widths)
    if not is_met(amounts, limit):
        share, tier = amounts["macs"] / costs.original["macs"], limit["macs"] / costs.original["macs"]
        raise UserError(
            f"pruning.map_files: {path} takes {share:.4g} of the whole network's MACs, which is not below its tier "
            f"{tier:g}: give the tier a larger share in pruning.tiers."
        )
    return complete
