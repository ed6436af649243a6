"""Rows for orientation, made after the last round: models that a federation has to be held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flwr.app import ArrayRecord, ConfigRecord, Message

from fedreid import wire
from server.records import score_metrics

if TYPE_CHECKING:
    from server.replies import Note
    from server.rounds import Federation

LOCAL_ONLY, GLOBAL_MODEL = "local_only", "global_model"
TITLES = {
    LOCAL_ONLY: "training every client alone, for reference",
    "fine_tune": "fine-tuning the final model on every client",
    "distillation": "distilling the final model into every client",
}


class References:
    """The reference rows of one run, in references.csv: a client that is done stays done when the run is resumed."""

    def __init__(self, federation: Federation) -> None:
        self.federation = federation
        self.table = federation.records.references
        self.everyone = list(range(federation.data.num_clients))

    def complete(self, arrays: ArrayRecord) -> None:
        """Make what is missing: the final global model on each client's people, each client trained alone, and each
        client gone on alone from the final model (two-stage personalization).

        Args:
            arrays: the final global model.
        """
        federation, scenario = self.federation, self.federation.scenario
        finished = self._finished()
        if any((GLOBAL_MODEL, client) not in finished for client in self.everyone):
            self.table.keep([row for row in self.table.rows() if row["reference"] != GLOBAL_MODEL])
            federation.progress.stage("evaluating the final model on every client", 0, len(self.everyone))
            open_set = scenario.evaluation.open_set != "never"
            federation.evaluate_clients(
                federation.settings.rounds + 1, arrays, self._note(GLOBAL_MODEL), self.everyone, open_set=open_set
            )
        if scenario.evaluation.local_only:
            start = wire.to_record(federation.model.start_arrays)
            with federation.tiers.as_at_start():
                self._train(LOCAL_ONLY, wire.LOCAL_ONLY, start, 0, finished)
        for name in scenario.adaptation.methods:
            self._train(name, wire.ADAPT, arrays, federation.settings.rounds + 1, finished)

    def _finished(self) -> set[tuple[str, int]]:
        """(reference, client) pairs that are there; the last one may have been cut short by a kill, and is dropped."""
        rows = self.table.rows()
        last = (rows[-1]["reference"], rows[-1]["client"]) if rows else None
        rows = [row for row in rows if (row["reference"], row["client"]) != last]
        self.table.keep(rows)
        return {(row["reference"], int(row["client"])) for row in rows}

    def _train(
        self, reference: str, message_type: str, arrays: ArrayRecord, server_round: int, finished: set[tuple[str, int]]
    ) -> None:
        federation = self.federation
        left = [client for client in self.everyone if (reference, client) not in finished]
        if not left:
            return
        done = len(self.everyone) - len(left)
        federation.progress.stage(TITLES[reference], done, len(self.everyone))
        config = ConfigRecord({wire.RUN_DIR: str(federation.run_dir), wire.ADAPTATION: reference})
        content = federation.strategy.contents(server_round, arrays, config)
        nodes = {client: node for node, client in federation.clients.items()}
        messages = [Message(content(client), dst_node_id=nodes[client], message_type=message_type) for client in left]
        replies = federation.grid.send_and_receive(messages)
        for _ in federation.replies.answers(replies, server_round, TITLES[reference], self._note(reference)):
            done += 1
            federation.progress.stage(TITLES[reference], done, len(self.everyone))

    def _note(self, reference: str) -> Note:
        federation, table = self.federation, self.table

        def write(client: int, metrics: Mapping[str, Any], _: Message) -> None:
            for metric, value in score_metrics(metrics).items():
                table.add(reference, "personalized", client, federation.data.dataset(client), metric, value)
            for key, value in metrics.items():
                if key.startswith("generic:"):
                    metric, dataset = key.split(":", 2)[1:]
                    table.add(reference, "generic", client, dataset, metric, value)
            table.commit()

        return write
