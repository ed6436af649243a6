"""Whether the clients of a round pulled the model the same way.

Each says how far it moved (`update_norm`); the server, how far their mean moved. Updates that have nothing to do with
each other cancel, so that the mean of n of them is about sqrt(n) times shorter than they are; those that agree keep
their length. Karimireddy et al., SCAFFOLD, ICML 2020, call what cancels client drift.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from fedreid import wire
from fedreid.models.distance import relative_distance, rounded

FEWEST = 2  # clients: one agrees with itself


class Drift:
    """One round's, in the weights of the mean. It keeps two numbers, and of the models the one that was sent."""

    def __init__(self) -> None:
        self.open({})

    def open(self, sent: Mapping[str, np.ndarray]) -> None:
        """A new round, with the model that clients start from."""
        self._sent, self._norms, self._total, self._clients = sent, 0.0, 0.0, 0
        self.agreement: float | None = None

    def note(self, metrics: Mapping[str, float], weight: float) -> None:
        """One client's answer."""
        if wire.UPDATE_NORM in metrics:
            self._norms += weight * metrics[wire.UPDATE_NORM]
            self._total += weight
            self._clients += 1

    def close(self, mean: Mapping[str, np.ndarray]) -> None:
        """Set `agreement` to ||mean of the updates|| / mean of ||update||, in percent.

        It stays None where fewer than two clients answered, or none moved.

        Args:
            mean: of the clients' models, in the same weights.
        """
        if self._sent and self._clients >= FEWEST and self._norms > 0:
            moved = relative_distance(mean, self._sent)
            if math.isfinite(moved):
                self.agreement = rounded(100 * moved / (self._norms / self._total))
        self._sent = {}
