"""The time of an image that a budget is about: measured there and kept in a table, estimated, or measured here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from torch import nn

from fedreid.errors import UserError
from fedreid.pruning.costs import Costs
from fedreid.pruning.devices import device_named
from fedreid.pruning.latency import latency
from fedreid.pruning.latency_table import LatencyTable
from fedreid.pruning.layers import layers_of
from fedreid.scenario.pruning_schema import BudgetSettings


def latency_ms(model: nn.Module, costs: Costs, image_size: tuple[int, int], budget: BudgetSettings) -> float:
    """Milliseconds of one image.

    Args:
        costs: of the model.

    Raises:
        UserError: an unknown device, or a table that can't be read or lacks one of the model's layers.
    """
    if budget.latency_table:
        try:
            return 1e3 * table_of(budget.latency_table).total(layers_of(model, image_size))
        except UserError as error:
            raise UserError(
                f"pruning.budgets: latency_table = {budget.latency_table!r}: {error}\n"
                "  Measure the tiers' networks there: python -m fedreid.pruning.measure_tiers SCENARIO TABLE"
            ) from error
    if budget.device:
        return device_named(budget.device).latency_ms(costs)
    return 1e3 * latency(model, image_size).median


def refuse_tables(budgets: Sequence[BudgetSettings]) -> None:
    """Read the tables that budgets name, before any training.

    Raises:
        UserError: naming one that can't be read.
    """
    for budget in budgets:
        if budget.latency_table:
            try:
                table_of(budget.latency_table)
            except UserError as error:
                raise UserError(f"pruning.budgets: latency_table: {error}") from error


@lru_cache(maxsize=8)
def table_of(path: str) -> LatencyTable:
    """A table of times of some machine.

    Raises:
        UserError: the file is none.
    """
    return LatencyTable.load(Path(os.path.expandvars(path)).expanduser())
