"""What the terminal shows, in the log as well."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from fedreid.progress import Progress

logger = logging.getLogger(__name__)


class LoggedProgress(Progress):
    """Passes every event on and writes all but the frequent ones into the log."""

    def __init__(self, inner: Progress) -> None:
        self.inner = inner
        self._round, self._stage = 0, ""

    def stage(self, name: str, done: int = 0, total: int = 0) -> None:
        if name != self._stage:
            self._stage = name
            logger.info("%s%s", name, f" ({total:,} to do)" if total else "")
        self.inner.stage(name, done, total)

    def round_started(self, round: int, rounds: int, clients: Sequence[int]) -> None:
        self._round = round
        logger.info("round %d of %d: clients %s", round, rounds, ", ".join(map(str, clients)))
        self.inner.round_started(round, rounds, clients)

    def client_started(self, client: int) -> None:
        self.inner.client_started(client)

    def client_done(self, client: int, images: int, loss: float) -> None:
        logger.debug("round %d: client %d is done, %d images, loss %.4f", self._round, client, images, loss)
        self.inner.client_done(client, images, loss)

    def client_failed(self, client: int, reason: str) -> None:
        logger.warning("round %d: client %d failed: %s", self._round, client, reason)
        self.inner.client_failed(client, reason)

    def round_done(self, round: int, metrics: Mapping[str, float]) -> None:
        logger.info("round %d is done: %s", round, ", ".join(f"{key} {value:.4f}" for key, value in metrics.items()))
        self.inner.round_done(round, metrics)

    def message(self, text: str) -> None:
        logger.info("%s", text)
        self.inner.message(text)

    def close(self) -> None:
        self.inner.close()
