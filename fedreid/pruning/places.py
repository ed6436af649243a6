"""Rows and columns of arrays, as they lie in memory: cut out, added in, and which places they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedreid.models.flat import FlatArrays, Layout
from fedreid.pruning.maps import Indices, TensorMap

WHOLE = (None, None)


def slice_shape(shape: tuple[int, ...], indices: tuple[np.ndarray | None, np.ndarray | None]) -> tuple[int, ...]:
    """The shape of these rows and columns of an array."""
    sizes = list(shape)
    for dimension, ids in enumerate(indices):
        if ids is not None:
            sizes[dimension] = len(ids)
    return tuple(sizes)


def is_within(shape: tuple[int, ...], rows: Indices, columns: Indices) -> np.ndarray:
    """Booleans that say which places of an array are in these rows and columns, in a shape that spreads to the array's.

    Coverage is a product of rows and columns: the places of a kernel are all covered, or none.
    """
    found = np.ones((1,) * len(shape), bool)
    for axis, ids in enumerate((rows, columns)):
        if ids is not None:
            along = np.zeros(shape[axis], bool)
            along[ids] = True
            found = found & along.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return found


def slice_arrays(arrays: Mapping[str, np.ndarray], tensors: TensorMap, layout: Layout) -> FlatArrays:
    """A sub-network's arrays in one block of memory, laid out as its clients have them.

    Args:
        arrays: of the full network.
        layout: of the sub-network's tensors.
    """
    block = FlatArrays(layout, np.zeros(layout.size, next(iter(arrays.values())).dtype))
    for name, target in block.items():
        source, axes = arrays[name], memory_axes(target)
        source, target = source.transpose(axes), target.transpose(axes)
        cuts = [(ids, axes.index(axis)) for axis, ids in enumerate(tensors.get(name, WHOLE)) if ids is not None]
        for ids, axis in cuts[:-1]:
            source = source.take(ids, axis)
        if cuts:
            source.take(*cuts[-1], out=target, mode="clip")  # another mode would fill a copy first
        else:
            target[...] = source
    return block


def memory_axes(array: np.ndarray) -> list[int]:
    """The array's axes as they lie in memory, the one with the longest steps first: channels may come last."""
    return sorted(range(array.ndim), key=lambda axis: -array.strides[axis])


class Scratch:
    """Memory for one array after the other, laid out as they are."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._block = np.empty(max((array.size for array in arrays.values()), default=0))

    def like(self, array: np.ndarray) -> np.ndarray:
        axes = memory_axes(array)
        flat = self._block[: array.size].reshape([array.shape[axis] for axis in axes])
        return flat.transpose(np.argsort(axes)) if axes else flat
