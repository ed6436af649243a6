"""Who is there in a round, whose answer never comes, and who is slow: seeded chains, and a trace of the user's own.

A client that is there stays or leaves by a chain of two states, as in traces of real devices absences come in runs
(Yang et al., Characterizing Impacts of Heterogeneity in Federated Learning upon Large-Scale Smartphone Data, WWW 2021).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fedreid.errors import UserError
from fedreid.scenario.system_schema import SystemSettings

PRESENCE, FATE = 20, 21  # of the random numbers: [seed, PRESENCE, client] and [seed, FATE, client, round]
COLUMNS = ("client", "first_round", "last_round", "slowdown")


@dataclass(frozen=True)
class Spell:
    """Rounds in which a client is absent (slowdown 0) or slow.

    Attributes:
        first_round: the first of them, from 1.
        last_round: the last one, in it.
    """

    client: int
    first_round: int
    last_round: int
    slowdown: float

    def covers(self, client: int, server_round: int) -> bool:
        return self.client == client and self.first_round <= server_round <= self.last_round


@dataclass
class Availability:
    """The same for every engine and after every resume: it depends on the seed, the client and the round alone."""

    settings: SystemSettings
    seed: int
    clients: int
    trace: tuple[Spell, ...] = ()
    _chains: dict[int, list[bool]] = field(default_factory=dict, repr=False)
    _streams: dict[int, np.random.Generator] = field(default_factory=dict, repr=False)

    def present(self, server_round: int) -> list[int]:
        """Clients that can be asked in a round, from 1, in rising order."""
        return [client for client in range(self.clients) if self._is_present(client, server_round)]

    def answers(self, client: int, server_round: int) -> bool:
        """Whether its answer arrives at all."""
        return bool(self._fate(client, server_round)[0] >= self.settings.dropout)

    def slowdown(self, client: int, server_round: int) -> float:
        """By how much its device is slower than its profile says."""
        is_straggler = self._fate(client, server_round)[1] < self.settings.stragglers
        own = self.settings.slowdown if is_straggler else 1.0
        traced = [spell.slowdown for spell in self.trace if spell.covers(client, server_round)]
        return float(np.prod([own, *traced]))

    def _is_present(self, client: int, server_round: int) -> bool:
        if any(spell.slowdown == 0 and spell.covers(client, server_round) for spell in self.trace):
            return False
        return self.settings.availability == 1 or self._chain(client, server_round)

    def _chain(self, client: int, server_round: int) -> bool:
        """State in a round: drawn from the stationary distribution in the first, then from the state before."""
        stay_away, leave = leaving(self.settings.availability, self.settings.absence_rounds)
        stream = self._streams.setdefault(client, np.random.default_rng([self.seed, PRESENCE, client]))
        states = self._chains.setdefault(client, [])
        while len(states) < server_round:
            drawn = stream.random()
            absent = (1 - self.settings.availability) if not states else (leave if states[-1] else stay_away)
            states.append(bool(drawn >= absent))
        return states[server_round - 1]

    def _fate(self, client: int, server_round: int) -> np.ndarray:
        return np.random.default_rng([self.seed, FATE, client, server_round]).random(2)


def leaving(availability: float, absence_rounds: float) -> tuple[float, float]:
    """Probabilities that somebody absent stays so, and that somebody present leaves, from one round to the next.

    An absence lasts `absence_rounds` on average, and in the long run a share `availability` is present:
    leave = (1 - availability) / (availability * absence_rounds). Without memory an absence lasts 1 / availability.
    """
    back = 1 / absence_rounds if absence_rounds else availability
    return 1 - back, (1 - availability) / availability * back


def read_trace(path: Path, clients: int) -> tuple[Spell, ...]:
    """Spells of a CSV file with a header of COLUMNS.

    Raises:
        UserError: the file can't be read, or a line has no sense; it is named.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise UserError(f"{path}: expected the columns {','.join(COLUMNS)}, found {reader.fieldnames}.")
            return tuple(_spell(path, number, row, clients) for number, row in enumerate(reader, start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"system.trace: {path} can't be read: {error}.") from None


def _spell(path: Path, number: int, row: dict[str, str], clients: int) -> Spell:
    try:
        spell = Spell(int(row["client"]), int(row["first_round"]), int(row["last_round"]), float(row["slowdown"]))
    except (TypeError, ValueError):
        raise UserError(f"{path}, line {number}: expected four numbers, found {list(row.values())}.") from None
    if not 0 <= spell.client < clients:
        raise UserError(f"{path}, line {number}: client {spell.client}, and this federation has 0 to {clients - 1}.")
    if not 1 <= spell.first_round <= spell.last_round:
        raise UserError(
            f"{path}, line {number}: rounds {spell.first_round} to {spell.last_round} are none; they count from 1."
        )
    if not (spell.slowdown == 0 or 1 <= spell.slowdown < float("inf")):
        raise UserError(f"{path}, line {number}: slowdown {spell.slowdown:g}: 0 is absent, 1 or more is slow.")
    return spell
