"""FedPav's local step: FedAvg's, and on request a weight that says how far it moved the client's features.

Zhuang et al., Performance Optimization for Federated Person Re-identification via Benchmark Analysis, ACM MM 2020:
clients weigh by the mean of 1 - cos(f_t(x), f_{t+1}(x)), so that those with more to learn count for more. The paper
takes one batch, and its code the outputs of the classifier on it. Here it is the embedding, which is what the
federation is after, of all the client's training images, not augmented, in evaluation mode: no luck of the draw, and
no BatchNorm statistics of that one batch. The method's other part, distillation, is the server's.
"""

from __future__ import annotations

import numpy as np

from clients.client import Client
from clients.methods.fedavg import fedavg
from fedreid import wire
from fedreid.training import TrainingStats

SMALLEST_WEIGHT = 1e-6  # about the rounding error of a float32 cosine; a mean over weights of zero would be nothing


def fedpav(client: Client) -> TrainingStats:
    """One round of FedPav on one client; with `weights = "images"` nothing but FedAvg's."""
    if client.settings.method.fedpav.weights == "images":
        return fedavg(client)
    before = client.embed(client.images)
    stats = fedavg(client)
    moved = cosine_distance(before, client.embed(client.images))
    client.reported[wire.WEIGHT] = max(SMALLEST_WEIGHT, moved)
    return stats


def cosine_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Mean of 1 - cos over the rows of two (n, dim) arrays of unit length.

    As half the squared distance: 1 - cos would round small movements away.
    """
    return float(np.square(np.subtract(first, second, dtype=np.float64)).sum(1).mean() / 2)
