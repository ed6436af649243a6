"""Which public images a client trains on: those that its own images could be mistaken for.

Section 4.3 of FedFR's method: public image j is kept if max_i cos(f_i, f_j) > t_HN, with all features from the model
that the client just received. The choice is of images: all public proxies stay in the softmax.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fedreid.scenario.method_schema import HardNegativeSettings

PRODUCT_BYTES = 64 << 20  # of similarities at once: memory stays below 200 MB over the inputs, whatever their number


def hard_negatives(
    private: np.ndarray, public: np.ndarray | Sequence[np.ndarray], settings: HardNegativeSettings
) -> np.ndarray:
    """Positions of the public images that are kept, rising.

    Args:
        private: (n, dim) features of unit length.
        public: (m, dim) features of unit length, or parts of them that may stay on the disk.
    """
    parts = [public] if isinstance(public, np.ndarray) else public
    similarity = np.concatenate([highest_similarity(private, part) for part in parts])
    if settings.select == "threshold":
        return np.flatnonzero(similarity > settings.threshold)
    kept = math.ceil(settings.quantile * len(similarity) - 1e-9)
    return np.sort(np.argsort(-similarity, kind="stable")[:kept])


def highest_similarity(private: np.ndarray, public: np.ndarray) -> np.ndarray:
    """(m,) float32: the cosine of each public image to the private image that is closest to it."""
    chunk = max(1, PRODUCT_BYTES // (4 * max(1, len(private))))
    products = np.empty((min(chunk, len(public)), len(private)), np.float32)
    highest = np.empty(len(public), np.float32)
    for start in range(0, len(public), chunk):
        rows = public[start : start + chunk]
        np.matmul(rows, private.T, out=products[: len(rows)])
        products[: len(rows)].max(axis=1, out=highest[start : start + len(rows)])
    return highest
