"""The upper bound: one model trained on everybody's images, as a federation of one."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType
from flwr.serverapp import Grid

from server.strategies.fedavg import FedAvg

logger = logging.getLogger(__name__)

TRAINER = 0  # the client that holds all images; every run has it


class Centralised(FedAvg):
    """Sends each round to one client, which trains on the images of all of them: what federation is measured against.

    The mean over one client is that client's model. Nobody else trains, so personalized scores are those of the global
    model on every client's people.
    """

    evaluates_global = True

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """One message, to the client that trains; `fraction` has nobody to choose from."""
        return self._messages([TRAINER], server_round, arrays, config, MessageType.TRAIN)

    def summary(self) -> None:
        """One line for the log."""
        logger.info("centralised training: client %d learns from the images of all %d", TRAINER, len(self.nodes))
