"""What each tier's network takes: the amounts that budgets are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor, nn

from fedreid.models.sharing import shared_tensors
from fedreid.pruning import ChannelMap, Costs, count, sub_network
from fedreid.pruning.budgets import assign, budget_of
from fedreid.pruning.device_latency import latency_ms
from fedreid.scenario.pruning_schema import BudgetSettings

if TYPE_CHECKING:
    from server.setup import Setup

BYTES = 4  # of a float32
MEGABYTE = 1e6


class TierNetwork:
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
        self._latencies: dict[tuple[str, str], float] = {}

    def with_latency(self, budget: BudgetSettings) -> dict[str, float]:
        """Milliseconds of an image beside the other amounts, on the machine that the budget is about."""
        key = budget.device, budget.latency_table
        if key not in self._latencies:
            self._latencies[key] = latency_ms(self.model, self.costs, self._size, budget)
        return {**self.amounts, "latency_ms": self._latencies[key]}


def bytes_on_the_wire(setup: Setup, model: nn.Module) -> int:
    """Of one model, one way, with the public proxies where they travel."""
    scenario = setup.scenario
    tensors: Mapping[str, Tensor] = shared_tensors(model, scenario.batchnorm, scenario.method.private_layers)
    proxies = 0
    if scenario.method.has("public") and setup.data.public is not None:
        proxies = BYTES * setup.data.public.num_identities * scenario.model.embedding_dim
    return proxies + sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def whole_of(setup: Setup, channel_map: ChannelMap) -> TierNetwork:
    """The network that a map is of."""
    everything = {name: tuple(range(width)) for name, width in channel_map.widths.items()}
    return TierNetwork(setup, replace(channel_map, kept=everything))


def places_of_clients(setup: Setup, networks: Sequence[Sequence[TierNetwork]]) -> list[int]:
    """The place of each client's tier among its networks: the largest that fits its budget.

    Raises:
        UserError: none fits somebody's, or a latency table that can't be read or lacks a layer.
    """
    budgets = setup.scenario.pruning.budgets
    whole = whole_of(setup, networks[0][0].channel_map)
    tiers, wholes = [], []
    for client, own in enumerate(networks):
        budget = budget_of(client, budgets)
        if budget is not None and budget.latency_ms:
            tiers.append([network.with_latency(budget) for network in own])
            wholes.append(whole.with_latency(budget) if "latency_ms" in budget.shares else whole.amounts)
        else:
            tiers.append([network.amounts for network in own])
            wholes.append(whole.amounts)
    return assign(tiers, wholes, budgets)
