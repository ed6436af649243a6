"""What may remain of a network, in the units that schedules count by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from fedreid.compression.options import BY_BATCHNORM, BY_DROP, CRITERIA, PruneOptions
from fedreid.errors import UserError
from fedreid.pruning import ChannelGroup, LatencyTable, measure_on
from fedreid.pruning.schedules import Consumption, is_met
from fedreid.pruning.schedules.consumption import NAMES, told
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


def refuse_criterion(groups: Sequence[ChannelGroup], backbone: str, criterion: str) -> None:
    """Check that the network has what a criterion reads, before any image is read.

    Raises:
        UserError: it reads BatchNorms, and there are groups without.
    """
    if criterion in BY_BATCHNORM and not all(group.batchnorms for group in groups):
        others = ", ".join(name for name in CRITERIA if name not in BY_BATCHNORM)
        raise UserError(f"--criterion {criterion} reads BatchNorms, and {backbone} has none: take one of {others}.")


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
        rows = "\n".join(
            f"  {NAMES.get(name, name)}: {told(name, costs.original[name])}, below {told(name, limit)}"
            for name, limit in limits.items()
        )
        raise UserError(f"the network already meets these limits, there is nothing to remove:\n{rows}")
    keeps = 0.0 if options.schedule in ("uniform", "psfp") else options.minimum_share
    try:
        costs.check(limits, floors_of(groups, keeps))
    except UserError as error:
        raise UserError(str(error) + _hint(options)) from error
    return limits


def _hint(options: PruneOptions) -> str:
    """What may have been meant."""
    if amounts := [f"--{name} {limit:g}" for name, limit in options.limits.items() if limit > 1]:
        return f"\n  Above 1 a limit is an amount, as {amounts[0]}; up to 1 it is a share: half is 0.5."
    return ""
