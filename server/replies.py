"""What clients answered: in which order it counts, what is written down of it, and what a failure does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flwr.app import Message

from fedreid import wire
from fedreid.errors import ClientError
from server.nodes import cause_of
from server.records import score_metrics

if TYPE_CHECKING:
    from server.rounds import Federation

logger = logging.getLogger(__name__)

# Told of each answer: client, its metrics, the message; False: it doesn't count.
Note = Callable[[int, Mapping[str, Any], Message], bool | None]


class Replies:
    """The replies of one federation's clients."""

    def __init__(self, federation: Federation) -> None:
        self.federation = federation
        self._has_warned = False

    def answers(self, replies: Iterable[Message], server_round: int, stage: str, note: Note) -> Iterator[Message]:
        """Replies of clients that succeeded, each noted as it passes; a failure stops the run or is listed.

        Raises:
            ClientError: a client failed, and the scenario says to stop.
        """
        federation = self.federation
        for answer in self.in_order(replies):
            client = federation.clients[answer.metadata.src_node_id]
            if answer.has_error():
                cause = cause_of(answer)
                federation.progress.client_failed(client, cause)
                if federation.settings.on_client_failure == "stop":
                    raise ClientError(client, server_round, stage, cause, self._hint(cause))
                logger.warning("client %d failed in round %d while %s: %s", client, server_round, stage, cause)
                federation.failures.append({"round": server_round, "client": client, "stage": stage, "cause": cause})
                continue
            if note(client, wire.metrics_of(answer), answer) is not False:
                yield answer

    def in_order(self, replies: Iterable[Message]) -> Iterable[Message]:
        """Replies by rising client. Our grids stream them so; Flower's own gives all of them as they arrived."""
        if isinstance(replies, list):
            return sorted(replies, key=lambda answer: self.federation.clients[answer.metadata.src_node_id])
        return replies

    def trained(self, server_round: int, client: int, metrics: Mapping[str, Any], answer: Message, sent: int) -> bool:
        """Write down what a client says of its training; False: it came too late to count.

        Args:
            sent: bytes that went to it.
        """
        federation, received = self.federation, wire.bytes_of(answer)
        add, totals = federation.records.metrics.add, federation.totals
        for metric in ("loss", "accuracy", wire.NUM_EXAMPLES, "steps"):
            add(server_round, "train", client, "", metric.replace("-", "_"), metrics[metric])
        for metric in (wire.UPDATE_NORM, *wire.HARD_NEGATIVES):
            if metric in metrics:
                add(server_round, "train", client, "", metric, metrics[metric])
        self._warn_of_hard_negatives(server_round, client, metrics)
        for metric, value in (("bytes_down", sent), ("bytes_up", received), ("images", metrics["images"])):
            add(server_round, "cost", client, "", metric, value)
            totals[metric] += value
        totals["training_seconds"] += metrics["seconds"]
        federation.records.timing.add(server_round, client, "training_seconds", metrics["seconds"])
        self.personalized(server_round, client, metrics)
        federation.progress.client_done(client, int(metrics["images"]), float(metrics["loss"]))
        return federation.clock.note(server_round, client, metrics, federation.sub_networks, sent, received)

    def personalized(self, server_round: int, client: int, metrics: Mapping[str, Any]) -> None:
        """Write down the scores on the client's own people, if it was asked for them."""
        if scores := score_metrics(metrics):
            records, dataset = self.federation.records, self.federation.data.dataset(client)
            records.ranking(server_round, "personalized", scores, dataset=dataset, client=client)
            records.timing.add(server_round, client, "evaluation_seconds", metrics["evaluation-seconds"])

    def _warn_of_hard_negatives(self, server_round: int, client: int, metrics: Mapping[str, Any]) -> None:
        """Once in a run: a threshold that keeps none of the public images, or all of them, does nothing."""
        share, parts = metrics.get("hard_negative_share"), self.federation.scenario.method.parts
        if share is None or 0 < share < 100 or self._has_warned or "hard_negatives" not in parts:
            return
        self._has_warned = True
        self.federation.progress.message(
            f"round {server_round}: {share:g} % of the public images are hard negatives of client {client}. "
            "To keep a fixed share instead: --set method.hard_negatives.select=quantile"
        )

    def _hint(self, cause: str) -> str:
        rate, run_dir = self.federation.scenario.method.learning_rate, self.federation.run_dir
        start = f"Its learning rate is {rate:g}; the" if "loss" in cause else "The"
        return f"{start} log is in {run_dir / 'log.txt'}. Resume with: fedreid resume {run_dir}"
