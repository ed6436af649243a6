"""Small sets of features, with equal scores or without."""

from __future__ import annotations

import numpy as np

CORNERS = np.concatenate([np.eye(4), -np.eye(4), [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [-1, 1, 1, 1]]])


def features(generator: np.random.Generator, count: int, *, ties: bool) -> np.ndarray:
    """(count, 4) float32. With ties: few different ones, all of whose cosines are exact in binary, of any length."""
    if ties:
        chosen = CORNERS[generator.integers(0, len(CORNERS), count)]
        return (chosen * 2.0 ** generator.integers(-3, 4, (count, 1))).astype(np.float32)
    return generator.standard_normal((count, 4)).astype(np.float32)
