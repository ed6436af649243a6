"""Before the first round: a map for each tier, what it takes, and which client gets which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fedreid import run_folder
from fedreid.models import build_backbone
from fedreid.models.sharing import shared_tensors
from fedreid.pruning import ChannelMap, Costs, count, latency, sub_network
from fedreid.pruning.budgets import assign, budget_of
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.devices import device_named
from fedreid.pruning.from_images import caie_on, image_scores
from fedreid.pruning.schedules.consumption import Consumption
from fedreid.pruning.schedules.records import Pruned
from fedreid.pruning.tier_maps import Scores, prunable, tier_maps
from fedreid.pruning.tiers import Tier, Tiers, tier_names
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.training.device import choose_device

if TYPE_CHECKING:
    from server.setup import Setup

BYTES = 4  # of a float32
PURPOSE = 10  # of the random numbers: [seed, PURPOSE] is no client's stream
MEGABYTE = 1e6


def make_tiers(setup: Setup, scores: Sequence[Scores] = ()) -> Tiers:
    """All tiers of a run, not yet written down.

    Args:
        scores: of every client (`pruning.scores = "local"`), or one for all ("clients").

    Raises:
        UserError: tiers that can't be reached, or budgets that no tier fits.
    """
    settings, scenario = setup.scenario.pruning, setup.scenario
    model = whole_network(setup)
    if settings.asks_clients and settings.scores == "local":
        return _own_tiers(setup, model, scores)
    maps = _maps(setup, model, scores[0] if scores else None)
    networks = [_Network(setup, channel_map) for channel_map in maps]
    places = _assign(setup, [networks] * setup.data.num_clients)
    tiers = tuple(
        Tier(name, share, network.channel_map, network.amounts)
        for name, share, network in zip(tier_names(settings.tiers), settings.tiers, networks, strict=True)
    )
    return Tiers(tiers, tuple(places), rolls=scenario.pruning.maps == "fedrolex")


def are_widths_known(settings: PruningSettings) -> bool:
    """Whether the tiers' sizes depend on nothing but the settings, so that budgets can be checked before training."""
    by_weights = settings.scores == "weights" and settings.schedule == "uniform"
    return settings.is_on and (settings.maps != "importance" or by_weights)


def _own_tiers(setup: Setup, model: nn.Module, scores: Sequence[Scores]) -> Tiers:
    """A map for each client, as in Sub-FedAvg (Vahidian, Morafah and Lin, 2021): its budget's, by its own scores."""
    settings = setup.scenario.pruning
    own = [[_Network(setup, each) for each in _maps(setup, model, mine)] for mine in scores]
    places = _assign(setup, own)
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


def _maps(setup: Setup, model: nn.Module, scores: Scores | None) -> list[ChannelMap]:
    """Of all tiers."""
    scenario, settings = setup.scenario, setup.scenario.pruning
    size = scenario.data.image_size
    if settings.maps != "importance" or settings.scores != "proxy":
        return tier_maps(model, settings, size, scores=scores)
    public = setup.data.public
    assert public is not None, "refuse_data sees to it"
    device, _ = choose_device(scenario.runtime)
    proxies = load_file(setup.run_dir / run_folder.PUBLIC_PROXIES)["proxies"]
    generator = np.random.default_rng([scenario.seed, PURPOSE])
    data: dict[str, Any] = {
        "images": public,
        "proxies": proxies,
        "scenario": scenario,
        "generator": generator,
        "device": device,
    }
    model = model.to(device)
    if settings.criterion == "caie":
        return tier_maps(model, settings, size, loop=partial(_loop, model, data))
    found = image_scores(model, prunable(model, settings), **data)
    return tier_maps(model, settings, size, scores=found)


def _loop(
    model: nn.Module,
    data: Mapping[str, Any],
    groups: Sequence[ChannelGroup],
    costs: Consumption,
    limits: Sequence[Mapping[str, float]],
) -> Pruned:
    return caie_on(model, groups, costs, limits, **data)


def whole_network(setup: Setup) -> nn.Module:
    """The starting model, on the CPU."""
    scenario = setup.scenario
    backbone = build_backbone(scenario.model, image_size=scenario.data.image_size)
    backbone.load_state_dict(setup.start)
    return backbone


class _Network:
    """A tier's network: what it takes."""

    def __init__(self, setup: Setup, channel_map: ChannelMap) -> None:
        scenario = setup.scenario
        self.channel_map, self._size = channel_map, scenario.data.image_size
        self.model = sub_network(scenario.model, channel_map, image_size=self._size, state=setup.start)
        self.costs: Costs = count(self.model, self._size)
        memory = self.costs.training_memory(
            scenario.method.batch_size, optimiser_slots=1 if scenario.method.momentum else 0
        )
        self.amounts = {
            "macs": float(self.costs.macs),
            "params": float(self.costs.params),
            "memory_mb": memory / MEGABYTE,
            "round_mb": 2 * bytes_on_the_wire(setup, self.model) / MEGABYTE,
        }
        self._latencies: dict[str, float] = {}

    def with_latency(self, device: str) -> dict[str, float]:
        """Milliseconds of an image beside the other amounts: on the device at its peak, or as measured here."""
        if device not in self._latencies:
            self._latencies[device] = (
                device_named(device).latency_ms(self.costs) if device else 1e3 * latency(self.model, self._size).median
            )
        return {**self.amounts, "latency_ms": self._latencies[device]}


def bytes_on_the_wire(setup: Setup, model: nn.Module) -> int:
    """Of one model, one way, with the public proxies where they travel."""
    scenario = setup.scenario
    tensors: Mapping[str, Tensor] = shared_tensors(model, scenario.batchnorm, scenario.method.private_layers)
    proxies = 0
    if scenario.method.has("public") and setup.data.public is not None:
        proxies = BYTES * setup.data.public.num_identities * scenario.model.embedding_dim
    return proxies + sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _assign(setup: Setup, networks: Sequence[Sequence[_Network]]) -> list[int]:
    """The place of each client's tier among its networks."""
    budgets = setup.scenario.pruning.budgets
    whole = _Network(setup, _all_channels(networks[0][0].channel_map))
    tiers, wholes = [], []
    for client, own in enumerate(networks):
        budget = budget_of(client, budgets)
        if budget is not None and budget.latency_ms:
            tiers.append([network.with_latency(budget.device) for network in own])
            wholes.append(whole.with_latency(budget.device))
        else:
            tiers.append([network.amounts for network in own])
            wholes.append(whole.amounts)
    return assign(tiers, wholes, budgets)


def _all_channels(channel_map: ChannelMap) -> ChannelMap:
    return replace(channel_map, kept={name: tuple(range(width)) for name, width in channel_map.widths.items()})


def mean_scores(scores: Sequence[Mapping[str, np.ndarray]], weights: Sequence[float]) -> dict[str, Tensor]:
    """The clients' scores as one, weighted by their images, in float64 and in the order given."""
    total = sum(weights)
    summed = {
        name: sum(weight * own[name].astype(np.float64) for own, weight in zip(scores, weights, strict=True)) / total
        for name in scores[0]
    }
    return {name: torch.from_numpy(np.asarray(values, np.float32)) for name, values in summed.items()}
