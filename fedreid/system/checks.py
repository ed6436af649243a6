"""The system of a scenario, held against the clients that there are."""

from __future__ import annotations

from pathlib import Path

from fedreid.errors import UserError
from fedreid.scenario import Scenario
from fedreid.system.availability import Availability, read_trace
from fedreid.system.profiles import profiles_of


def availability_of(scenario: Scenario, clients: int) -> Availability:
    """Seeded absences and those of the trace.

    Raises:
        UserError: the trace can't be read, or names clients or rounds that aren't there.
    """
    trace = read_trace(Path(scenario.system.trace), clients) if scenario.system.trace else ()
    return Availability(scenario.system, scenario.seed, clients, trace)


def refuse_system(scenario: Scenario, clients: int) -> None:
    """Check before the run what depends on how many clients there are.

    Raises:
        UserError: profiles or a trace that don't fit, or a deadline without a clock.
    """
    system = scenario.system
    availability_of(scenario, clients)
    shortest = max(1.0, (1 - system.availability) / system.availability)
    if 0 < system.absence_rounds < shortest:
        raise UserError(
            f"system.absence_rounds = {system.absence_rounds:g} is too short for a share of {system.availability:g} of "
            f"the rounds: use {shortest:.4g} or more, or 0."
        )
    if scenario.system.is_timed:
        profiles_of(scenario.system.profiles, clients)
    elif scenario.system.deadline_seconds:
        raise UserError("system.deadline_seconds needs a clock: add [[system.profiles]] with a device and a link.")
