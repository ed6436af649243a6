"""The round loop: configure, collect, aggregate, evaluate, checkpoint; the same on every engine."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, Message
from flwr.serverapp import Grid

from fedreid import wire
from fedreid.errors import ClientError, RunError
from fedreid.progress import Progress
from server.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from server.evaluation import GlobalModel
from server.nodes import cause_of, discover
from server.records import Records
from server.setup import Setup
from server.strategies import STRATEGIES

logger = logging.getLogger(__name__)

LOCAL_ONLY, GLOBAL_MODEL = "local_only", "global_model"


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
        self.strategy = STRATEGIES[self.settings.strategy](self.scenario)
        self.totals = dict.fromkeys(TOTALS, 0.0)
        self.failures: list[dict[str, Any]] = []
        self.clients: dict[int, int] = {}  # client of each node

    def run(self) -> None:
        """All rounds that are still to do, then the reference rows.

        Raises:
            ClientError: a client failed, and the scenario says to stop.
            RunError: the disk is full, a checkpoint is damaged, nobody answered.
        """
        checkpoint = latest_checkpoint(self.run_dir)
        self.records.rewind(checkpoint.round if checkpoint else None)
        nodes = discover(self.grid, str(self.run_dir), self.data.num_clients)
        self.clients = {node: client for client, node in nodes.items()}
        self.strategy.nodes = nodes
        self.strategy.summary()
        if checkpoint is None:
            arrays, done = wire.to_record(self.model.start_arrays), 0
            self._evaluate_start(arrays)
            self._commit(0, arrays)
        else:
            arrays, done = wire.to_record(self.model.in_one_block(checkpoint.arrays)), checkpoint.round
            self.totals |= checkpoint.totals
            self.failures = [dict(failure) for failure in checkpoint.failures]
            self.strategy.restore(checkpoint.strategy_arrays, checkpoint.strategy)
            self.progress.message(f"resuming after round {done}")
        for server_round in range(done + 1, self.settings.rounds + 1):
            arrays = self._round(server_round, arrays)
        self.model.save(wire.to_arrays(arrays))
        failures = len(self.failures)
        self._references(arrays)
        if len(self.failures) > failures:  # the last checkpoint is where the summary finds them
            self._commit(self.settings.rounds, arrays)

    def _round(self, server_round: int, arrays: ArrayRecord) -> ArrayRecord:
        started = time.perf_counter()
        is_evaluated = self._is_evaluated(server_round)
        config = ConfigRecord({wire.RUN_DIR: str(self.run_dir), wire.EVALUATE: is_evaluated})
        messages = list(self.strategy.configure_train(server_round, arrays, config, self.grid))
        self.progress.round_started(
            server_round, self.settings.rounds, [self.clients[m.metadata.dst_node_id] for m in messages]
        )
        replies = self.grid.send_and_receive(messages)
        sent = wire.count_bytes(arrays)
        answers = self._answers(
            replies, server_round, "training", lambda c, m, a: self._trained(server_round, c, m, a, sent)
        )
        aggregated, means = self.strategy.aggregate_train(server_round, answers)
        if aggregated is None:
            raise RunError(f"no client answered in round {server_round}: there is nothing to aggregate.")
        trained = time.perf_counter()
        metrics: dict[str, float] = {"loss": float(means["loss"])} if means and "loss" in means else {}  # type: ignore[arg-type]
        if is_evaluated:
            metrics |= self._evaluate_generic(server_round, aggregated)
        evaluated = time.perf_counter()
        self._time(server_round, "train_phase_seconds", trained - started)
        self._time(server_round, "evaluate_seconds", evaluated - trained)
        self._commit(server_round, aggregated)
        self._time(server_round, "checkpoint_seconds", time.perf_counter() - evaluated)
        self.progress.round_done(server_round, metrics)
        return aggregated

    def _answers(
        self,
        replies: Iterable[Message],
        server_round: int,
        stage: str,
        note: Callable[[int, Mapping[str, Any], Message], None],
    ) -> Iterator[Message]:
        """Replies of clients that succeeded, each noted as it passes; a failure stops the run or is listed."""
        for answer in self._in_order(replies):
            client = self.clients[answer.metadata.src_node_id]
            if answer.has_error():
                cause = cause_of(answer)
                self.progress.client_failed(client, cause)
                if self.settings.on_client_failure == "stop":
                    raise ClientError(client, server_round, stage, cause, self._hint(cause))
                logger.warning("client %d failed in round %d while %s: %s", client, server_round, stage, cause)
                self.failures.append({"round": server_round, "client": client, "stage": stage, "cause": cause})
                continue
            note(client, wire.metrics_of(answer), answer)
            yield answer

    def _in_order(self, replies: Iterable[Message]) -> Iterable[Message]:
        """Replies by rising client. Our grids stream them so; Flower's own gives all of them as they arrived."""
        if isinstance(replies, list):
            return sorted(replies, key=lambda answer: self.clients[answer.metadata.src_node_id])
        return replies

    def _trained(self, server_round: int, client: int, metrics: Mapping[str, Any], answer: Message, sent: int) -> None:
        add, received = self.records.metrics.add, wire.count_bytes(wire.model_of(answer))
        for metric, key in (
            ("loss", "loss"),
            ("accuracy", "accuracy"),
            ("num_examples", wire.NUM_EXAMPLES),
            ("steps", "steps"),
        ):
            add(server_round, "train", client, "", metric, metrics[key])
        for metric, value in (("bytes_down", sent), ("bytes_up", received), ("images", metrics["images"])):
            add(server_round, "cost", client, "", metric, value)
            self.totals[metric] += value
        self.totals["training_seconds"] += metrics["seconds"]
        self.records.timing.add(server_round, client, "training_seconds", metrics["seconds"])
        self._personalized(server_round, client, metrics)
        self.progress.client_done(client, int(metrics["images"]), float(metrics["loss"]))

    def _personalized(self, server_round: int, client: int, metrics: Mapping[str, Any]) -> None:
        scores = ranking_metrics(metrics)
        if scores:
            self.records.ranking(server_round, "personalized", scores, dataset=self.data.dataset(client), client=client)
            self.records.timing.add(server_round, client, "evaluation_seconds", metrics["evaluation-seconds"])

    def _evaluate_start(self, arrays: ArrayRecord) -> None:
        self.progress.stage("evaluating the starting model", 0, self.data.num_clients)
        scores = self._evaluate_generic(0, arrays)
        self._evaluate_clients(0, arrays, lambda client, metrics, _: self._personalized(0, client, metrics))
        self.progress.round_done(0, scores)

    def _evaluate_clients(
        self, server_round: int, arrays: ArrayRecord, note: Callable[[int, Mapping[str, Any], Message], None]
    ) -> None:
        config = ConfigRecord({wire.RUN_DIR: str(self.run_dir)})
        messages = list(self.strategy.configure_evaluate(server_round, arrays, config, self.grid))
        replies = self.grid.send_and_receive(messages)
        self.strategy.aggregate_evaluate(server_round, self._answers(replies, server_round, "evaluating", note))

    def _evaluate_generic(self, server_round: int, arrays: ArrayRecord) -> dict[str, float]:
        scores = self.model.evaluate(wire.to_arrays(arrays))
        for dataset, metrics in scores.items():
            self.records.ranking(server_round, "generic", metrics, dataset=dataset)
        return {f"generic/{dataset}/mAP": metrics["mAP"] for dataset, metrics in scores.items()}

    def _references(self, arrays: ArrayRecord) -> None:
        """Rows for orientation: the final global model on each client's people, and each client trained alone."""
        table = self.records.references
        rows = table.rows()
        last = (rows[-1]["reference"], rows[-1]["client"]) if rows else None  # a kill may have cut it short
        rows = [row for row in rows if (row["reference"], row["client"]) != last]
        table.keep(rows)
        finished = {(row["reference"], int(row["client"])) for row in rows}

        def note(reference: str) -> Callable[[int, Mapping[str, Any], Message], None]:
            def write(client: int, metrics: Mapping[str, Any], _: Message) -> None:
                for metric, value in ranking_metrics(metrics).items():
                    table.add(reference, "personalized", client, self.data.dataset(client), metric, value)
                for key, value in metrics.items():
                    if key.startswith("generic:"):
                        metric, dataset = key.split(":", 2)[1:]
                        table.add(reference, "generic", client, dataset, metric, value)
                table.commit()

            return write

        everyone = set(range(self.data.num_clients))
        if any((GLOBAL_MODEL, client) not in finished for client in everyone):
            table.keep([row for row in table.rows() if row["reference"] != GLOBAL_MODEL])
            self.progress.stage("evaluating the final model on every client", 0, len(everyone))
            self._evaluate_clients(self.settings.rounds + 1, arrays, note(GLOBAL_MODEL))
        left = sorted(client for client in everyone if (LOCAL_ONLY, client) not in finished)
        if self.scenario.evaluation.local_only and left:
            self._train_alone(left, note(LOCAL_ONLY))

    def _train_alone(self, clients: list[int], note: Callable[[int, Mapping[str, Any], Message], None]) -> None:
        title, done = "training every client alone, for reference", self.data.num_clients - len(clients)
        self.progress.stage(title, done, self.data.num_clients)
        content = wire.instruction(wire.to_record(self.model.start_arrays), str(self.run_dir), 0)
        nodes = {client: node for node, client in self.clients.items()}
        messages = [Message(content, dst_node_id=nodes[client], message_type=wire.LOCAL_ONLY) for client in clients]
        replies = self.grid.send_and_receive(messages)
        for _ in self._answers(replies, 0, "training alone", note):
            done += 1
            self.progress.stage(title, done, self.data.num_clients)

    def _commit(self, server_round: int, arrays: ArrayRecord) -> None:
        """Make this round final: first its rows, then the checkpoint that vouches for them."""
        self.records.commit()
        own_arrays, own_values = self.strategy.state()
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

    def _time(self, server_round: int, metric: str, seconds: float) -> None:
        self.records.timing.add(server_round, "", metric, seconds)
        if metric in self.totals:
            self.totals[metric] += seconds

    def _hint(self, cause: str) -> str:
        rate = f"Its learning rate is {self.scenario.method.learning_rate:g}; the" if "loss" in cause else "The"
        return f"{rate} log is in {self.run_dir / 'log.txt'}. Resume with: fedreid resume {self.run_dir}"


TOTALS = ("bytes_down", "bytes_up", "images", "training_seconds", "train_phase_seconds", "evaluate_seconds")


def ranking_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The ranking scores among a client's metrics, in the order the tables print them; counts only if none matched."""
    counts = ("queries", "skipped")
    names = counts if metrics.get("queries") == 0 else wire.RANKING_METRICS
    return {metric: metrics[metric] for metric in names if metric in metrics}
