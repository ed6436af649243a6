"""Who is there in a round, who answers in time, and what each client's part of it takes on its own device and link.

The clock is simulated: it follows from images, multiplications and bytes alone, so that equal runs give equal files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fedreid.pruning import count
from fedreid.scenario.system_schema import SystemSettings
from fedreid.system import availability_of, passes_per_image, profiles_of
from fedreid.system.work import passes_once
from server.tier_maps import whole_network

if TYPE_CHECKING:
    from server.records import Records
    from server.setup import Setup
    from server.sub_networks import SubNetworks


class Clock:
    """One federation's."""

    def __init__(self, setup: Setup, records: Records, totals: dict[str, float]) -> None:
        self.scenario = setup.scenario
        if setup.scenario.method.name == "centralised":  # nobody who could be away or late: the images are in one place
            self.scenario = setup.scenario.model_copy(update={"system": SystemSettings()})
        self.settings, self.records, self.totals = self.scenario.system, records, totals
        self.availability, self.profiles = availability_of(self.scenario, setup.data.num_clients), None
        if self.settings.is_timed:
            self.profiles = profiles_of(self.settings.profiles, setup.data.num_clients)
        self.public_images = 0 if setup.data.public is None else len(setup.data.public)
        self.macs_per_image = float(count(whole_network(setup), setup.scenario.data.image_size).macs)
        self._seconds: list[float] = []
        self._is_cut_short = False

    def able(self, server_round: int, clients: Sequence[int]) -> list[int]:
        """Those of the clients who are there."""
        present = set(self.availability.present(server_round))
        return [client for client in clients if client in present]

    def asked(self, server_round: int, clients: Sequence[int]) -> list[int]:
        """Those of the sampled clients whose answer will come; the others' failure is noted."""
        self._seconds, self._is_cut_short = [], False
        reached = [client for client in clients if self.availability.answers(client, server_round)]
        for client in sorted(set(clients).difference(reached)):
            self.records.metrics.add(server_round, "cost", client, "", "dropped", 1)
            self._is_cut_short = True
        return reached

    def note(
        self, server_round: int, client: int, metrics: Mapping[str, Any], parts: SubNetworks | None, sent: int, got: int
    ) -> bool:
        """Write down what an answer took; False where it came too late."""
        per_image = self.macs_per_image if parts is None else parts.tiers.tier(client).amounts["macs"]
        passes = metrics["images"] * passes_per_image(self.scenario, is_first=client not in self._have_trained)
        self._have_trained.add(client)
        macs = per_image * (passes + passes_once(self.scenario, self.public_images))
        self._add(server_round, client, "macs", macs)
        if self.profiles is None:
            return True
        profile, slowdown = self.profiles[client], self.availability.slowdown(client, server_round)
        seconds = profile.seconds(macs=macs, bytes_down=sent, bytes_up=got, slowdown=slowdown)
        self._add(server_round, client, "simulated_seconds", seconds)
        if profile.watts:
            self._add(server_round, client, "joules", profile.joules(macs, slowdown))
        self._seconds.append(seconds)
        if not 0 < self.settings.deadline_seconds < seconds:
            return True
        self._add(server_round, client, "late", 1)
        self._is_cut_short = True
        return False

    def close(self, server_round: int) -> None:
        """The round's own duration: until the last answer, or the deadline where somebody missed it."""
        if self.profiles is None:
            return
        deadline = self.settings.deadline_seconds
        waited = deadline if self._is_cut_short and deadline else max(self._seconds, default=0.0)
        seconds = waited + self.settings.server_seconds
        self.records.metrics.add(server_round, "cost", "", "", "simulated_seconds", seconds)
        self.totals["simulated_seconds"] += seconds

    @cached_property
    def _have_trained(self) -> set[int]:
        """Clients with a model of their own from an earlier round; after a stop, by the rows of those rounds."""
        return {int(row["client"]) for row in self.records.metrics.rows() if row["scope"] == "train" and row["client"]}

    def _add(self, server_round: int, client: int, metric: str, value: float) -> None:
        self.records.metrics.add(server_round, "cost", client, "", metric, value)
        if metric in self.totals and metric != "simulated_seconds":  # clients work side by side: see `close`
            self.totals[metric] += value
