"""What becomes of the tiers from round to round: opened, made again from the global model, or cut out at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flwr.app import ArrayRecord

from fedreid import wire
from fedreid.pruning.tier_history import keep_for_rounds_before
from fedreid.pruning.tiers import Tiers
from fedreid.training.device import torch_threads
from server.channel_scores import client_scores
from server.soft_pruning import SoftPruning, without_rows
from server.sub_networks import open_sub_networks
from server.tier_lines import lines
from server.tiers import made_again, make_tiers

if TYPE_CHECKING:
    from server.rounds import Federation

PROGRESSIVE = (
    "soft pruning: all clients train and send the whole network in every round, so that nothing is saved on the way; "
    "the tiers come after the last round"
)


class TierRounds:
    """The tiers of one federation; without any, nothing happens."""

    def __init__(self, federation: Federation) -> None:
        self.federation, self.setup = federation, federation.setup
        self.settings = self.setup.scenario.pruning
        self.rounds = self.setup.scenario.federation.rounds
        self.soft = SoftPruning(self.setup) if self.settings.is_progressive else None

    def open(self, done: int) -> None:
        """The tiers that are in force after the round that was done last, 0 before the first.

        Raises:
            RunError, UserError: see `client_scores` and `make_tiers`.
        """
        federation, run_dir = self.federation, self.setup.run_dir
        if self.settings.asks_clients and Tiers.load(run_dir, done) is None:
            scores = client_scores(federation, wire.to_record(federation.model.start_arrays), 0)
            with torch_threads(self.setup.scenario.runtime.server_threads):
                make_tiers(self.setup, scores).save(run_dir)
        if done == 0 and (tiers := Tiers.load(run_dir, done)) is not None:
            for line in lines(tiers, self.setup.scenario.federation.participants):
                federation.progress.message(line)
        if self.soft is None:
            federation.sub_networks = open_sub_networks(self.setup, federation.model, done)
            federation.strategy.sub_networks = federation.sub_networks
            return
        federation.progress.message(PROGRESSIVE)
        if done == self.rounds:
            federation.sub_networks = open_sub_networks(self.setup, federation.model)

    def before(self, server_round: int, arrays: ArrayRecord) -> None:
        """Make the maps again where it is their turn (`pruning.refresh_rounds`).

        The same happens when a stopped run comes to this round again: maps depend on the checkpoint before it.
        """
        parts, every = self.federation.sub_networks, self.settings.refresh_rounds
        is_due = every > 0 and server_round > 1 and (server_round - 1) % every == 0
        if parts is None or not is_due or self.settings.maps != "importance":
            return
        scores = client_scores(self.federation, arrays, server_round) if self.settings.asks_clients else ()
        model = wire.to_arrays(arrays)
        with torch_threads(self.setup.scenario.runtime.server_threads):
            tiers = made_again(self.setup, parts.tiers, model, server_round, scores)
        self._replace(tiers, server_round)
        parts.replace(tiers, model)

    def after(self, server_round: int, aggregated: ArrayRecord) -> ArrayRecord:
        """The global model that the next round starts from. After the last round of soft pruning tiers are there."""
        if self.soft is None:
            return aggregated
        arrays = wire.to_arrays(aggregated)
        with torch_threads(self.setup.scenario.runtime.server_threads):
            if server_round < self.rounds:
                rows = self.soft.rows(server_round, arrays)
                self.federation.strategy.forget(rows)
                return wire.to_record(without_rows(arrays, rows))
            first = Tiers.load(self.setup.run_dir, server_round)
            assert first is not None, "set_up made them"
            self._replace(made_again(self.setup, first, arrays, server_round + 1), server_round + 1)
        parts = self.federation.sub_networks = open_sub_networks(self.setup, self.federation.model)
        assert parts is not None
        parts.start(arrays)
        return aggregated

    def finish(self) -> None:
        """All rounds are done: from now on clients get the tiers that soft pruning ended with."""
        self.federation.strategy.sub_networks = self.federation.sub_networks

    @contextmanager
    def as_at_start(self) -> Iterator[None]:
        """While open, clients get what they were sent before the first round, for references that start there."""
        strategy, federation = self.federation.strategy, self.federation
        now = strategy.sub_networks
        if now is not None and self.soft is not None:
            strategy.sub_networks = None
        elif now is not None and self.settings.refresh_rounds:
            first = open_sub_networks(self.setup, federation.model, 0)
            if first is not None:
                first.start(federation.model.start_arrays)
            strategy.sub_networks = first
        try:
            yield
        finally:
            strategy.sub_networks = now

    def _replace(self, tiers: Tiers, server_round: int) -> None:
        keep_for_rounds_before(self.setup.run_dir, server_round)
        tiers.save(self.setup.run_dir)
