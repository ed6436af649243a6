"""The round loop: configure, collect, aggregate, evaluate, checkpoint; the same on every engine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord
from flwr.serverapp import Grid

from fedreid import run_folder, wire
from fedreid.errors import RunError
from fedreid.evaluation.protocols import headline
from fedreid.progress import Progress
from server.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from server.clock import Clock
from server.evaluation import GlobalModel
from server.nodes import discover
from server.records import Records
from server.references import References
from server.replies import Note, Replies
from server.setup import Setup
from server.strategies import build_strategy
from server.sub_networks import STATE, SubNetworks
from server.tier_rounds import TierRounds


class Federation:
    """One federation on one grid. `run()` starts it, or goes on from the newest checkpoint.

    Args:
        setup: data, splits and the starting model.
        grid: Flower's own, or one of `fedreid.simulation`.
    """

    def __init__(self, setup: Setup, grid: Grid, progress: Progress) -> None:
        self.setup, self.grid, self.progress = setup, grid, progress
        self.scenario, self.run_dir, self.data = setup.scenario, setup.run_dir, setup.data
        self.settings = self.scenario.federation
        self.records = Records(self.run_dir)
        self.model = GlobalModel(setup)
        self.strategy = build_strategy(setup)
        self.sub_networks: SubNetworks | None = None
        self.tiers = TierRounds(self)
        self.totals = dict.fromkeys(TOTALS, 0.0)
        self.failures: list[dict[str, Any]] = []
        self.clock = Clock(setup, self.records, self.totals)
        if self.scenario.system.is_on:
            self.strategy.clock = self.clock
        self.clients: dict[int, int] = {}  # client of each node
        self.replies = Replies(self)

    def run(self) -> None:
        """All rounds that are still to do, then the reference rows.

        Raises:
            ClientError: a client failed, and the scenario says to stop.
            RunError: the disk is full, a checkpoint is damaged, nobody answered.
        """
        checkpoint = latest_checkpoint(self.run_dir)
        self.records.rewind(checkpoint.round if checkpoint else None)
        self._forget_public_features()  # a power cut may have left empty files
        nodes = discover(self.grid, str(self.run_dir), self.data.num_clients)
        self.clients = {node: client for client, node in nodes.items()}
        self.strategy.nodes = nodes
        self.strategy.summary()
        self.tiers.open(checkpoint.round if checkpoint else 0)
        if checkpoint is None:
            arrays, done = wire.to_record(self.model.start_arrays), 0
            if self.sub_networks is not None:
                self.sub_networks.start(self.model.start_arrays)
            self._evaluate_start(arrays)
            self._commit(0, arrays)
        else:
            arrays, done = wire.to_record(self.model.in_one_block(checkpoint.arrays)), checkpoint.round
            self.totals.update(checkpoint.totals)
            self.failures = [dict(failure) for failure in checkpoint.failures]
            own = {name: each for name, each in checkpoint.strategy_arrays.items() if not name.startswith(STATE)}
            self.strategy.restore(own, checkpoint.strategy)
            if self.sub_networks is not None:
                self.sub_networks.restore(checkpoint.strategy_arrays)
            self.progress.message(f"resuming after round {done}")
        for server_round in range(done + 1, self.settings.rounds + 1):
            arrays = self._round(server_round, arrays)
        self._save(arrays)
        failures = len(self.failures)
        self.tiers.finish()
        References(self).complete(arrays)
        self._forget_public_features()
        if len(self.failures) > failures:  # the last checkpoint is where the summary finds them
            self._commit(self.settings.rounds, arrays)

    def _round(self, server_round: int, arrays: ArrayRecord) -> ArrayRecord:
        started = time.perf_counter()
        self.tiers.before(server_round, arrays)
        is_evaluated = self._is_evaluated(server_round)
        scores_clients = is_evaluated and not self.strategy.evaluates_global
        config = ConfigRecord(
            {
                wire.RUN_DIR: str(self.run_dir),
                wire.EVALUATE: scores_clients,
                wire.OPEN_SET: self._is_open_set(server_round),
                wire.SHARES_PRIVATE_PROXIES: self.strategy.shares_private_proxies,
            }
        )
        messages = list(self.strategy.configure_train(server_round, arrays, config, self.grid))
        self.progress.round_started(
            server_round, self.settings.rounds, [self.clients[m.metadata.dst_node_id] for m in messages]
        )
        if not messages:
            self.clock.close(server_round)
            return self._without_answers(server_round, arrays)
        sent = {self.clients[message.metadata.dst_node_id]: wire.bytes_of(message) for message in messages}
        replies = self.grid.send_and_receive(messages)
        answers = self.replies.answers(
            replies, server_round, "training", lambda c, m, a: self.replies.trained(server_round, c, m, a, sent[c])
        )
        aggregated, means = self.strategy.aggregate_train(server_round, answers)
        self.clock.close(server_round)
        if aggregated is None and self.scenario.system.is_on:
            return self._without_answers(server_round, arrays)
        if aggregated is None:
            raise RunError(f"no client answered in round {server_round}: there is nothing to aggregate.")
        if self.strategy.drift.agreement is not None:
            self.records.metrics.add(server_round, "train", "", "", "agreement", self.strategy.drift.agreement)
        aggregated = self.tiers.after(server_round, aggregated)
        trained = time.perf_counter()
        metrics: dict[str, float] = {"loss": float(means["loss"])} if means and "loss" in means else {}  # type: ignore[arg-type]
        if is_evaluated:
            metrics |= self._evaluate_generic(server_round, aggregated)
            self._score_clients(server_round, aggregated, self._untrained())
        evaluated = time.perf_counter()
        self._time(server_round, "train_phase_seconds", trained - started)
        self._time(server_round, "evaluate_seconds", evaluated - trained)
        self._commit(server_round, aggregated)
        self._time(server_round, "checkpoint_seconds", time.perf_counter() - evaluated)
        self.progress.round_done(server_round, metrics)
        return aggregated

    def _without_answers(self, server_round: int, arrays: ArrayRecord) -> ArrayRecord:
        """Nobody was there, or in time: the model stays as it is."""
        self.progress.message(f"round {server_round}: no client answered in time; the model stays as it was")
        if server_round == self.settings.rounds:  # soft pruning cuts its tiers out of the model as it is
            arrays = self.tiers.after(server_round, arrays)
        metrics: dict[str, float] = {}
        if self._is_evaluated(server_round):
            metrics = self._evaluate_generic(server_round, arrays)
        self._commit(server_round, arrays)
        self.progress.round_done(server_round, metrics)
        return arrays

    def _evaluate_start(self, arrays: ArrayRecord) -> None:
        self.progress.stage("evaluating the starting model", 0, self.data.num_clients)
        scores = self._evaluate_generic(0, arrays)
        self._score_clients(0, arrays, range(self.data.num_clients))
        self.progress.round_done(0, scores)

    def _untrained(self) -> Collection[int]:
        """Clients that have no model of their own to score while they train."""
        everyone = range(self.data.num_clients)
        if self.strategy.evaluates_global:
            return everyone
        return set(everyone).difference(self.settings.participants or everyone)

    def _score_clients(self, server_round: int, arrays: ArrayRecord, clients: Collection[int]) -> None:
        if not clients:
            return
        self.evaluate_clients(
            server_round,
            arrays,
            lambda client, metrics, _: self.replies.personalized(server_round, client, metrics),
            clients,
            open_set=self._is_open_set(server_round),
        )

    def evaluate_clients(
        self, server_round: int, arrays: ArrayRecord, note: Note, clients: Collection[int], *, open_set: bool
    ) -> None:
        """Score a model on these clients' own people."""
        config = ConfigRecord({wire.RUN_DIR: str(self.run_dir), wire.OPEN_SET: open_set})
        asked = self.strategy.configure_evaluate(server_round, arrays, config, self.grid)
        messages = [message for message in asked if self.clients[message.metadata.dst_node_id] in clients]
        replies = self.grid.send_and_receive(messages)
        self.strategy.aggregate_evaluate(server_round, self.replies.answers(replies, server_round, "evaluating", note))

    def _evaluate_generic(self, server_round: int, arrays: ArrayRecord) -> dict[str, float]:
        open_set, parts = self._is_open_set(server_round), self.sub_networks
        is_measured = parts is None or parts.is_whole_measured
        queries = self.run_dir / run_folder.QUERIES if server_round == self.settings.rounds else None
        scores = self.model.evaluate(
            wire.to_arrays(arrays), open_set=open_set, is_measured=is_measured, queries=queries
        )
        for dataset, metrics in scores.items():
            self.records.ranking(server_round, "generic", metrics, dataset=dataset)
        if parts is not None:
            for dataset, metrics in parts.evaluate(server_round, wire.to_arrays(arrays), open_set=open_set).items():
                self.records.ranking(server_round, "generic", metrics, dataset=dataset)
        found = {dataset: (headline(metrics), metrics) for dataset, metrics in scores.items()}
        return {f"generic/{dataset}/{name}": metrics[name] for dataset, (name, metrics) in found.items() if name}

    def _save(self, arrays: ArrayRecord) -> None:
        """The final model, and where there are tiers each one's part of it."""
        if self.sub_networks is None:
            self.model.save(wire.to_arrays(arrays))
            return
        self.model.save(wire.to_arrays(arrays), is_measured=self.sub_networks.is_whole_measured)
        self.sub_networks.save(self.settings.rounds, wire.to_arrays(arrays))

    def _forget_public_features(self) -> None:
        shutil.rmtree(self.run_dir / run_folder.PUBLIC_FEATURES, ignore_errors=True)

    def _commit(self, server_round: int, arrays: ArrayRecord) -> None:
        """Make this round final: first its rows, then the checkpoint that vouches for them."""
        self.records.commit()
        own_arrays, own_values = self.strategy.state()
        if self.sub_networks is not None:
            own_arrays = {**own_arrays, **self.sub_networks.state()}
        checkpoint = Checkpoint(
            round=server_round,
            arrays=wire.to_arrays(arrays),
            strategy_arrays=own_arrays,
            strategy=own_values,
            totals=self.totals,
            failures=self.failures,
        )
        save_checkpoint(self.run_dir, checkpoint, keep=self.scenario.runtime.keep_checkpoints)

    def _is_evaluated(self, server_round: int) -> bool:
        every = self.scenario.evaluation.every
        return server_round == self.settings.rounds or (every > 0 and server_round % every == 0)

    def _is_open_set(self, server_round: int) -> bool:
        when = self.scenario.evaluation.open_set
        return when == "always" or (when == "last" and server_round in (0, self.settings.rounds))

    def _time(self, server_round: int, metric: str, seconds: float) -> None:
        self.records.timing.add(server_round, "", metric, seconds)
        if metric in self.totals:
            self.totals[metric] += seconds


TOTALS = (
    "bytes_down",
    "bytes_up",
    "images",
    "training_seconds",
    "train_phase_seconds",
    "evaluate_seconds",
    "macs",
    "joules",
    "simulated_seconds",
)
