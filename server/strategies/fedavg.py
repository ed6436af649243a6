"""FedAvg: the server's model is the mean of the clients' models, weighted by their numbers of local images.

McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017;
Theta_g^{t+1} = (1/N) sum_i N_i Theta_i^t, eq. 7.2 of the dissertation.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import Strategy

from fedreid import wire
from fedreid.errors import RunError
from fedreid.models.running_mean import RunningMean
from server.drift import Drift

if TYPE_CHECKING:
    from server.clock import Clock
    from server.sub_networks import SubNetworks

logger = logging.getLogger(__name__)


def cohort_size(count: int, fraction: float) -> int:
    """How many of `count` clients take part in a round."""
    return max(1, round(count * fraction))


def sample_clients(seed: int, server_round: int, count: int, fraction: float) -> list[int]:
    """Clients of a round, in rising order: the same on every machine, engine and resume.

    Flower samples random node ids from Python's global generator, which no seed reproduces.
    """
    size = cohort_size(count, fraction)
    if size >= count:
        return list(range(count))
    chosen = np.random.default_rng([seed, server_round]).choice(count, size=size, replace=False)
    return sorted(int(client) for client in chosen)


class FedAvg(Strategy):
    """Averages replies as they come, in message order, holding one model and not one for each client.

    Args:
        fraction: share of the clients in each round.
        seed: the scenario's seed.
        participants: clients that train; none: all.
        nodes: Flower node of each client; set before the first round (`server.rounds` asks the nodes who they are).

    Attributes:
        evaluates_global: clients are scored with the global model after each round, as they don't train one of theirs.
        shares_private_proxies: private class proxies reach the server, against the privacy rule of FedFR.
        sub_networks: where clients have parts of the network; set before the first round.
        clock: where clients can be absent; set before the first round.
        drift: whether the clients of the last round agreed; unknown where they have parts of the network.
    """

    evaluates_global = False
    shares_private_proxies = False

    def __init__(
        self,
        *,
        fraction: float = 1.0,
        seed: int = 0,
        participants: Sequence[int] = (),
        nodes: Mapping[int, int] | None = None,
    ) -> None:
        self.fraction, self.seed, self.participants = fraction, seed, tuple(sorted(set(participants)))
        self.nodes = dict(nodes or {})
        self.sub_networks: SubNetworks | None = None
        self.clock: Clock | None = None
        self.drift = Drift()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """One message for each sampled client; all carry the same record, or all of a tier."""
        self.drift.open(wire.to_arrays(arrays))
        able: Sequence[int] = self.participants or range(len(self.nodes))
        if self.clock is None:
            asked = sample_clients(self.seed, server_round, len(able), self.fraction)
            clients = [able[place] for place in asked]
        else:
            size, present = cohort_size(len(able), self.fraction), self.clock.able(server_round, able)
            asked = sample_clients(self.seed, server_round, len(present), size / len(present)) if present else []
            clients = self.clock.asked(server_round, [present[place] for place in asked])
        return self._messages(clients, server_round, arrays, config, MessageType.TRAIN)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The weighted mean of the models, and of the losses; (None, None) when nobody answered.

        Raises:
            RunError: a client's weight is not a positive number.
        """
        models = RunningMean() if self.sub_networks is None else self.sub_networks.new_mean()
        loss = total = 0.0
        for answer in replies:
            metrics = wire.metrics_of(answer)
            weight = self._weight(answer, metrics)
            if isinstance(models, RunningMean):
                models.add(wire.arrays_of(answer), weight)
                self.drift.note(metrics, weight)
            else:
                self.sub_networks.fold(models, answer, self._client(answer), weight)  # type: ignore[union-attr]
            loss += weight * metrics["loss"]
            total += weight
        if not total:
            return None, None
        mean = models.mean() if isinstance(models, RunningMean) else self.sub_networks.finished(models)  # type: ignore[union-attr]
        self.drift.close(mean)
        return wire.to_record(mean), MetricRecord({"loss": loss / total})

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """One message for every client, whether or not it trains."""
        return self._messages(range(len(self.nodes)), server_round, arrays, config, MessageType.EVALUATE)

    def aggregate_evaluate(self, server_round: int, replies: Iterable[Message]) -> MetricRecord | None:
        """The unweighted mean over clients, as the personalized tables print it."""
        rows = [wire.metrics_of(answer) for answer in replies]
        if not rows:
            return None
        common = [key for key in rows[0] if all(key in row for row in rows)]  # a rate may be too small for one of them
        return MetricRecord({key: float(np.mean([row[key] for row in rows])) for key in common})

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """What the strategy carries from round to round, as arrays and as JSON values; FedAvg carries nothing."""
        return {}, {}

    def restore(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Take back what `state` gave, when a run goes on."""

    def forget(self, rows: Mapping[str, Sequence[int]]) -> None:
        """The server set these rows of the global model's arrays to zero: what is remembered of them goes too."""

    def summary(self) -> None:
        """One line for the log."""
        logger.info("FedAvg: %d clients, fraction %g, weighted by local images", len(self.nodes), self.fraction)

    def contents(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord) -> Callable[[int], RecordDict]:
        """(client) -> what its message carries: the same object for all who are sent the same.

        Args:
            arrays: the whole model.
        """
        config[wire.ROUND] = server_round
        if self.sub_networks is not None:
            return self.sub_networks.contents(server_round, arrays, config)
        record = RecordDict({wire.ARRAYS: arrays, wire.CONFIG: config})
        return lambda client: record

    def _weight(self, answer: Message, metrics: Mapping[str, float]) -> float:
        """A client's weight in the mean: its number of local images, unless its method says otherwise."""
        weight = metrics.get(wire.WEIGHT, metrics[wire.NUM_EXAMPLES])
        if not 0 < weight < math.inf:
            raise RunError(
                f"client {self._client(answer)} sent the weight {weight}: a mean needs positive, finite weights."
            )
        return weight

    def _client(self, answer: Message) -> int:
        """Whose reply this is."""
        return self._clients()[answer.metadata.src_node_id]

    def _clients(self) -> dict[int, int]:
        """Client of each node."""
        return {node: client for client, node in self.nodes.items()}

    def _messages(
        self, clients: Iterable[int], server_round: int, arrays: ArrayRecord, config: ConfigRecord, message_type: str
    ) -> list[Message]:
        content = self.contents(server_round, arrays, config)
        return [
            Message(content(client), dst_node_id=self.nodes[client], message_type=message_type,
                    group_id=str(server_round))
            for client in clients
        ]  # fmt: skip
