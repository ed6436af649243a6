"""A map for each tier, what it takes, and which client gets which: before the first round, and made again later."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fedreid.pruning import ChannelMap
from fedreid.pruning.budgets import budget_of, limits_of
from fedreid.pruning.tier_maps import Scores
from fedreid.pruning.tiers import Tier, Tiers, tier_names
from server.tier_maps import Current, maps_of
from server.tier_networks import TierNetwork, places_of_clients, whole_of

if TYPE_CHECKING:
    from server.setup import Setup

logger = logging.getLogger(__name__)


def make_tiers(setup: Setup, scores: Sequence[Scores] = ()) -> Tiers:
    """All tiers of a run, not yet written down.

    Args:
        scores: of every client (`pruning.scores = "local"`), or one for all ("clients").

    Raises:
        UserError: tiers that can't be reached, or budgets that no tier fits.
    """
    settings = setup.scenario.pruning
    current = Current(setup)
    if settings.asks_clients and settings.scores == "local":
        return _own_tiers(setup, current, scores)
    maps = maps_of(current, scores[0] if scores else None)
    networks = [TierNetwork(setup, channel_map) for channel_map in maps]
    places = places_of_clients(setup, [networks] * setup.data.num_clients)
    tiers = tuple(
        Tier(name, share, network.channel_map, network.amounts)
        for name, share, network in zip(tier_names(settings.tiers), settings.tiers, networks, strict=True)
    )
    return Tiers(tiers, tuple(places), rolls=settings.maps == "fedrolex", come_last=settings.is_progressive)


def made_again(
    setup: Setup, tiers: Tiers, arrays: Mapping[str, np.ndarray], server_round: int, scores: Sequence[Scores] = ()
) -> Tiers:
    """The same tiers and clients, with the channels that the global model as it is now says.

    Where widths change with the scores (all schedules but uniform), a client's tier may now take more of something
    than the client can afford: then all maps stay.

    Args:
        arrays: the global model's.
        server_round: from which on they are in force.
        scores: as for `make_tiers`.
    """
    settings = setup.scenario.pruning
    current = Current(setup, arrays, server_round)
    if settings.scores == "local" and settings.asks_clients:
        places = [settings.tiers.index(tier.share) for tier in tiers.tiers]
        clients = [tiers.of_client.index(place) for place in range(len(tiers.tiers))]
        maps = [maps_of(current, scores[client])[place] for client, place in zip(clients, places, strict=True)]
    else:
        maps = maps_of(current, scores[0] if scores else None)
    again = replace(tiers, tiers=tuple(_changed(setup, *pair) for pair in zip(tiers.tiers, maps, strict=True)))
    return again if _fits(setup, again) else tiers


def _changed(setup: Setup, tier: Tier, channel_map: ChannelMap) -> Tier:
    return replace(tier, channel_map=channel_map, amounts=TierNetwork(setup, channel_map).amounts)


def _fits(setup: Setup, tiers: Tiers) -> bool:
    """Whether everybody can still afford its tier; a time that was measured isn't measured again."""
    budgets = setup.scenario.pruning.budgets
    whole = {**whole_of(setup, tiers.tiers[0].channel_map).amounts, "latency_ms": 0.0}
    for client in range(len(tiers.of_client)):
        budget, amounts = budget_of(client, budgets), tiers.tier(client).amounts
        limits = {} if budget is None else limits_of(budget, whole)
        for name, limit in limits.items():
            if name in amounts and amounts[name] > limit:
                logger.warning(
                    "the maps stay as they are: with new ones client %d would need %g %s of %g",
                    client, amounts[name], name, limit,
                )  # fmt: skip
                return False
    return True


def _own_tiers(setup: Setup, current: Current, scores: Sequence[Scores]) -> Tiers:
    """A map for each client, as in Sub-FedAvg (Vahidian, Morafah and Lin, 2021): its budget's, by its own scores."""
    settings = setup.scenario.pruning
    own = [[TierNetwork(setup, each) for each in maps_of(current, mine)] for mine in scores]
    places = places_of_clients(setup, own)
    names = tier_names(settings.tiers)
    tiers: dict[str, Tier] = {}
    of_client: list[int] = []
    for client, (place, networks) in enumerate(zip(places, own, strict=True)):
        network, share = networks[place], settings.tiers[place]
        tier = Tier(names[place], share, network.channel_map, network.amounts)
        if not tier.is_whole:
            tier = replace(tier, name=f"{names[place]}-client-{client:03d}")
        tiers.setdefault(tier.name, tier)  # whoever has the whole network has the same
        of_client.append(list(tiers).index(tier.name))
    return Tiers(tuple(tiers.values()), tuple(of_client))


def mean_scores(scores: Sequence[Mapping[str, np.ndarray]], weights: Sequence[float]) -> dict[str, Tensor]:
    """The clients' scores as one, weighted by their images, in float64 and in the order given."""
    total = sum(weights)
    summed = {
        name: sum(weight * own[name].astype(np.float64) for own, weight in zip(scores, weights, strict=True)) / total
        for name in scores[0]
    }
    return {name: torch.from_numpy(np.asarray(values, np.float32)) for name, values in summed.items()}
