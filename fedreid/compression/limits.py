"""What may remain of a network, in the units that schedules count by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from fedreid.compression.options import BY_DROP, PruneOptions
from fedreid.errors import UserError
from fedreid.pruning import ChannelGroup, LatencyTable, measure_on
from fedreid.pruning.schedules import Consumption, is_met
from fedreid.pruning.schedules.descent import floors_of
from fedreid.scenario import Scenario

COUNTED = {"macs": "macs", "params": "params", "memory": "training_memory", "latency": "latency"}
UNITS = {"macs": 1.0, "params": 1.0, "memory": 1e6, "latency": 1e-3}  # megabytes and milliseconds


def consumption(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    scenario: Scenario,
    options: PruneOptions,
    device: torch.device,
) -> Consumption:
    """What counts the resources that are limited; of latency a table, measured here if none is given.

    Raises:
        UserError: a latency table that can't be read.
    """
    table = None
    if "latency" in options.limits:
        threads = scenario.runtime.server_threads
        table = (
            LatencyTable.load(options.latency_table)
            if options.latency_table
            else LatencyTable("this machine", measure_on(device, threads=threads))
        )
    return Consumption(
        model,
        groups,
        scenario.data.image_size,
        resources=("macs", "params", "training_memory"),
        latency=table,
        batch_size=scenario.method.batch_size,
    )


def limits_of(costs: Consumption, groups: Sequence[ChannelGroup], options: PruneOptions) -> Mapping[str, float]:
    """Limits in units of the counter; empty for schedules without.

    Raises:
        UserError: no network could meet them, or this one already does.
    """
    if options.schedule == "none" or options.schedule in BY_DROP:
        return {}
    limits = {}
    for name, given in options.limits.items():
        whole = costs.original[COUNTED[name]]
        limits[COUNTED[name]] = given * whole if given <= 1 else given * UNITS[name]
    if is_met(costs.original, limits):
        rows = "\n".join(f"  {name}: {costs.original[name]:,.6g}, below {limit:,.6g}" for name, limit in limits.items())
        raise UserError(f"the network already meets these limits, there is nothing to remove:\n{rows}")
    keeps = 0.0 if options.schedule in ("uniform", "psfp") else options.minimum_share
    costs.check(limits, floors_of(groups, keeps))
    return limits
