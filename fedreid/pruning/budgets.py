"""Which tier a client can afford: the largest one that fits all of its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedreid.errors import UserError
from fedreid.pruning.devices import device_named
from fedreid.scenario.pruning_schema import BudgetSettings

Amounts = Mapping[str, float]
"""What a network takes: "macs", "params", "memory_mb", "round_mb", and "latency_ms" where somebody limits it."""
UNITS = {"macs": "MACs", "params": "parameters", "memory_mb": "MB", "latency_ms": "ms", "round_mb": "MB a round"}


def budget_of(client: int, budgets: Sequence[BudgetSettings]) -> BudgetSettings | None:
    """The budget that names a client, else the one for all others; None: it has no limits."""
    named = [budget for budget in budgets if client in budget.clients]
    others = [budget for budget in budgets if not budget.clients]
    return next(iter([*named, *others]), None)


def limits_of(budget: BudgetSettings, whole: Amounts) -> dict[str, float]:
    """A budget as amounts, in the units of `Amounts`: shares of what the whole network takes, and a device's memory.

    Raises:
        UserError: a device that isn't in the catalogue.
    """
    shares = budget.shares
    limits = {name: value * whole[name] if name in shares else value for name, value in budget.stated.items()}
    if budget.device:
        memory = device_named(budget.device).memory_mb
        limits["memory_mb"] = min(limits.get("memory_mb", memory), memory)
    return limits


def refuse_clients(budgets: Sequence[BudgetSettings], clients: int) -> None:
    """Check that the clients that budgets name are there.

    Raises:
        UserError: naming one that isn't.
    """
    for client in (client for budget in budgets for client in budget.clients):
        if client >= clients:
            raise UserError(f"pruning.budgets names client {client}, and this federation has 0 to {clients - 1}.")


def largest_fitting(tiers: Sequence[Amounts], limits: Amounts) -> int | None:
    """Place of the first tier, of decreasing ones, that takes no more than the limits; None: not even the last one."""
    for place, amounts in enumerate(tiers):
        if all(amounts[name] <= limit for name, limit in limits.items()):
            return place
    return None


def assign(
    tiers: Sequence[Sequence[Amounts]], whole: Sequence[Amounts], budgets: Sequence[BudgetSettings]
) -> list[int]:
    """The tier of each client.

    Args:
        tiers: for each client what its tiers take, the largest first. (Latency depends on the client's device.)
        whole: for each client what the whole network takes.
        budgets: of the scenario; a client without one gets the first tier.

    Raises:
        UserError: the smallest tier exceeds somebody's limits: a table of what was asked and what it needs.
    """
    found: list[int] = []
    rows: list[tuple[str, ...]] = []
    for client, own in enumerate(tiers):
        budget = budget_of(client, budgets)
        limits = {} if budget is None else limits_of(budget, whole[client])
        place = largest_fitting(own, limits)
        if place is None:
            rows += _rows(client, own[-1], limits, {} if budget is None else budget.shares)
        found.append(0 if place is None else place)
    if rows:
        raise UserError(
            "no tier fits the budget of some clients:\n"
            + "\n".join(_aligned([("client", "resource", "budget", "smallest tier needs"), *rows]))
            + "\n  Raise the budget, or add a smaller tier to pruning.tiers."
        )
    return found


def _rows(
    client: int, smallest: Amounts, limits: Amounts, shares: Mapping[str, float]
) -> list[tuple[str, str, str, str]]:
    """
    Args:
        shares: those limits that the scenario gives as shares.
    """
    rows = []
    for name, limit in limits.items():
        if smallest[name] > limit:
            share = f" ({shares[name]:g} of the whole network's)" if name in shares else ""
            rows.append((str(client), UNITS[name], f"{limit:,.6g}{share}", f"{smallest[name]:,.6g}"))
    return rows


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
