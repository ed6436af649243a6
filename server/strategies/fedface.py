"""FedFace: the server collects everybody's class proxies, spreads them out, and gives them back.

Aggarwal, Zhou and Jain, FedFace: Collaborative Learning of Face Recognition Model, IJCB 2021. The backbone is averaged
as in FedAvg. Proxies of private identities leave their clients, which FedFR forbids: this is a baseline.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from fedreid import wire
from fedreid.errors import RunError
from fedreid.losses.spreadout import spreadout
from fedreid.scenario.method_schema import FedFaceSettings
from fedreid.training.device import torch_threads
from server.strategies.fedavg import FedAvg

logger = logging.getLogger(__name__)

MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4  # of the server's SGD, as on the clients


class FedFace(FedAvg):
    """FedAvg, and `steps` of SGD on the spreadout regulariser over the proxies of all clients seen so far.

    Args:
        settings: threshold, steps and learning rate of the regulariser.
        threads: torch threads of those steps.

    Attributes:
        proxies: (K_i, dim) of each client that ever took part; clients that sit a round out repel the others too.
    """

    shares_private_proxies = True

    def __init__(
        self,
        settings: FedFaceSettings,
        *,
        threads: int = 1,
        fraction: float = 1.0,
        seed: int = 0,
        participants: Sequence[int] = (),
        nodes: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(fraction=fraction, seed=seed, participants=participants, nodes=nodes)
        self.settings, self.threads = settings, threads
        self.proxies: dict[int, np.ndarray] = {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """FedAvg's messages, each with the client's own proxies; in its first round a client has none yet."""
        config[wire.SHARES_PRIVATE_PROXIES] = True
        messages = list(super().configure_train(server_round, arrays, config, grid))
        clients = self._clients()
        for message in messages:
            own = self.proxies.get(clients[message.metadata.dst_node_id])
            if own is not None:
                content = RecordDict(dict(message.content))
                content[wire.PRIVATE_PROXIES] = wire.to_record({wire.PROXIES: own})
                message.content = content
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """FedAvg's mean, and for the next round proxies further apart; (None, None) when nobody answered.

        Raises:
            RunError: a reply without proxies, or with proxies of another dimension than the others'.
        """
        arrays, metrics = super().aggregate_train(server_round, self._collected(replies))
        if arrays is None:
            return None, None
        self._check_dimensions()
        with torch_threads(self.threads):
            self.proxies = spread_out(self.proxies, self.settings)
        return arrays, metrics

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The proxies, by client."""
        return {str(client): rows for client, rows in self.proxies.items()}, {}

    def restore(self, arrays: Mapping[str, np.ndarray], values: Mapping[str, Any]) -> None:
        """Take the proxies back."""
        self.proxies = {int(client): rows for client, rows in arrays.items()}

    def summary(self) -> None:
        """One line for the log."""
        logger.info("FedFace: %d clients, fraction %g, private proxies are shared", len(self.nodes), self.fraction)

    def _collected(self, replies: Iterable[Message]) -> Iterator[Message]:
        for answer in replies:
            client = self._client(answer)
            rows = wire.private_proxies_of(answer)
            if rows is None:
                raise RunError(f"client {client} sent no proxies: method.name = 'fedface' needs those of every client.")
            self.proxies[client] = rows
            yield answer

    def _check_dimensions(self) -> None:
        shapes = {client: rows.shape for client, rows in self.proxies.items()}
        dimensions = {shape[1:] for shape in shapes.values()}
        if len(dimensions) > 1 or any(len(shape) != 2 for shape in shapes.values()):
            raise RunError(f"proxies must be (identities, dim) with one dim for all clients, got {shapes}.")


def spread_out(proxies: Mapping[int, np.ndarray], settings: FedFaceSettings) -> dict[int, np.ndarray]:
    """SGD on the regulariser over the rows of all clients; with fewer than two rows nobody has to move.

    Args:
        proxies: (K_i, dim) of each client. They are stacked by rising client, whoever answered first.

    Returns:
        New arrays of the same shapes and types.
    """
    clients = sorted(proxies)
    counts = [len(proxies[client]) for client in clients]
    if sum(counts) < 2:
        return {client: rows.copy() for client, rows in proxies.items()}
    rows = torch.from_numpy(np.concatenate([proxies[client] for client in clients])).requires_grad_()
    optimiser = torch.optim.SGD([rows], settings.learning_rate, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    for _ in range(settings.steps):
        optimiser.zero_grad()
        spreadout(rows, threshold=settings.threshold).backward()
        optimiser.step()
    parts = np.split(rows.detach().numpy(), np.cumsum(counts)[:-1])
    return {client: part.copy() for client, part in zip(clients, parts, strict=True)}
