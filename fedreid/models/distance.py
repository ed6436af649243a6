"""How far training moved a model: client drift, one number for each client and round.

Karimireddy et al., SCAFFOLD: Stochastic Controlled Averaging for Federated Learning, ICML 2020 (client drift); Zhao et
al., Federated Learning with Non-IID Data, 2018, whose weight divergence is ||w - w'|| / ||w'||.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from fedreid.models.flat import FlatArrays, Layout
from fedreid.models.sharing import STATISTICS

BLOCK = 1 << 15  # values at once: both differences and weights stay in the processor's cache
NOWHERE = np.empty(0, np.int64)
DIGITS = 6  # those that are kept: the order in which a sum is formed, and so an engine, changes later ones only


def relative_distance(arrays: Mapping[str, np.ndarray], start: Mapping[str, np.ndarray]) -> float:
    """||arrays - start|| / ||start|| in percent, over all weights; nan where `start` is zero.

    BatchNorm's running statistics don't count: they are measured, not learnt, and a few large variances would hide
    what the weights do. Sums are formed in float64; the result has 6 digits.

    Raises:
        ValueError: other names than those of `start`.
    """
    moved = sum(_sum_of_squares(*pair) for pair in _pairs(arrays, start))
    length = _squared_length(start)
    return rounded(100 * math.sqrt(moved / length)) if length > 0 else math.nan


def rounded(value: float) -> float:
    """To 6 digits."""
    return float(f"{value:.{DIGITS}g}")


def _pairs(
    arrays: Mapping[str, np.ndarray], start: Mapping[str, np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(n,) values, places that don't count, and the start's values: the whole block at once where there is one."""
    if isinstance(arrays, FlatArrays) and isinstance(start, FlatArrays) and arrays.layout == start.layout:
        yield arrays.block, _not_weights(arrays.layout), start.block
        return
    if arrays.keys() != start.keys():
        raise ValueError(f"arrays differ from those of the start: {sorted(arrays.keys() ^ start.keys())}")
    for name, array in arrays.items():
        if not name.endswith(STATISTICS):
            yield array.reshape(-1), NOWHERE, start[name].reshape(-1)


def _squared_length(start: Mapping[str, np.ndarray]) -> float:
    """Of all weights; worked out once for a block, from which all clients of a round start."""
    if not isinstance(start, FlatArrays):
        weights = (array for name, array in start.items() if not name.endswith(STATISTICS))
        return sum(_sum_of_squares(array.reshape(-1), NOWHERE) for array in weights)
    if start.squared_length is None:
        start.squared_length = _sum_of_squares(start.block, _not_weights(start.layout))
    return start.squared_length


@lru_cache(maxsize=32)
def _not_weights(layout: Layout) -> np.ndarray:
    """Places of a block that hold statistics, or nothing: gaps between tensors."""
    is_weight = np.zeros(layout.size, bool)
    for name, shape, offset in zip(layout.names, layout.shapes, layout.offsets, strict=True):
        is_weight[offset : offset + math.prod(shape)] = not name.endswith(STATISTICS)
    return np.flatnonzero(~is_weight)


def _sum_of_squares(values: np.ndarray, left_out: np.ndarray, minus: np.ndarray | None = None) -> float:
    """Of the values, or of what they are more than others."""
    starts = range(0, len(values), BLOCK)
    cuts = np.searchsorted(left_out, [*starts, len(values)])
    scratch, total = np.empty(min(BLOCK, len(values))), 0.0
    for number, start in enumerate(starts):
        chosen = slice(start, start + BLOCK)
        some = scratch[: len(values[chosen])]
        if minus is None:
            np.copyto(some, values[chosen])
        else:
            np.subtract(values[chosen], minus[chosen], out=some, dtype=np.float64)
        some[left_out[cuts[number] : cuts[number + 1]] - start] = 0
        total += float(np.einsum("i,i->", some, some))
    return total
