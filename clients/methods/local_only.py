"""No federation at all: every client trains alone, from the common start on, in as many rounds as it takes part in.

The lower bound of personalization: "local supervised" in table 7.5 of the dissertation. The model stays at home; what
is sent back is what came, so the global model remains the start.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clients.client import Client
from clients.methods.fedavg import fedavg
from clients.methods.kept_models import PERSONAL, kept, load_kept
from fedreid.models.flat import FlatArrays
from fedreid.training import TrainingStats


def local_only(client: Client) -> TrainingStats:
    """One more round of the client's own training."""
    load_kept(client.model, PERSONAL, client.state)
    stats = fedavg(client)
    client.state |= kept(client.model, PERSONAL)
    client.update = _copied(client.received)
    return stats


def _copied(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The same arrays in memory of their own, in one block if they are."""
    if isinstance(arrays, FlatArrays):
        return FlatArrays(arrays.layout, arrays.block.copy())
    return {name: array.copy() for name, array in arrays.items()}
