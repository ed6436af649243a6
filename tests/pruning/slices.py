"""Random arrays, maps and what clients send of them, for the tests of aggregation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedreid.models.flat import FlatArrays, Layout
from fedreid.pruning.maps import Indices, TensorMap

Client = tuple[str, Mapping[str, np.ndarray], float]  # tier, arrays, weight
SHAPES = {"conv.weight": (6, 5, 3, 3), "bn.weight": (6,), "bn.running_mean": (6,), "bn.running_var": (6,)}


def random_arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A whole network of one convolution and one BatchNorm."""
    found = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    found["bn.running_var"] = np.abs(found["bn.running_var"]) + np.float32(0.1)
    return found


def random_map(rng: np.random.Generator) -> TensorMap:
    """At least one row and one column of the convolution, and the same rows of its BatchNorm."""
    rows = np.sort(rng.choice(6, rng.integers(1, 7), replace=False))
    columns = np.sort(rng.choice(5, rng.integers(1, 6), replace=False))
    rows_only = {name: (rows, None) for name in SHAPES if name.startswith("bn")}
    return {"conv.weight": (rows, columns), **rows_only}


def outer_product(shape: tuple[int, ...], rows: Indices, columns: Indices) -> tuple[np.ndarray, ...]:
    """The places of a slice, for NumPy's own indexing; None: all of a dimension."""
    axes = [np.arange(size) for size in shape]
    for axis, ids in enumerate((rows, columns)):
        if ids is not None:
            axes[axis] = ids
    return np.ix_(*axes)


def flat(arrays: dict[str, np.ndarray]) -> FlatArrays:
    """In one block, convolutions with channels last, as a federation has them."""
    names, shapes, strides, offsets, size = [], [], [], [], 0
    for name, array in arrays.items():
        last = np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if array.ndim == 4 else array
        names.append(name)
        shapes.append(array.shape)
        strides.append(tuple(step // array.itemsize for step in last.strides))
        offsets.append(size)
        size += -(-array.size // 16) * 16
    layout = Layout(tuple(names), tuple(shapes), tuple(strides), tuple(offsets), size)
    block = FlatArrays(layout, np.zeros(size, np.float32))
    for name, array in arrays.items():
        block[name][...] = array
    return block
