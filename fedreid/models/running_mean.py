"""Weighted mean of models in the order they are given, in float64, one model in memory at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedreid.models.flat import FlatArrays, Layout


class RunningMean:
    """sum(w_i * x_i) / sum(w_i), eq. 7.2 of the dissertation: memory doesn't grow with the number of clients.

    Floating-point sums depend on their order, so whoever adds must add in a fixed one.
    """

    def __init__(self) -> None:
        self.total = 0.0
        self._sums: dict[str, np.ndarray] = {}
        self._dtypes: dict[str, np.dtype] = {}
        self._layout: Layout | None = None  # of models that come as one block

    def add(self, arrays: Mapping[str, np.ndarray], weight: float) -> None:
        """Fold one model in.

        Raises:
            ValueError: a weight that isn't positive; names or shapes other than those of the first model.
        """
        if not weight > 0:
            raise ValueError(f"a client's weight must be positive, got {weight}")
        if isinstance(arrays, FlatArrays) and (not self._sums or self._layout == arrays.layout):
            self._layout, arrays = arrays.layout, {BLOCK_OF_ALL: arrays.block}
        elif self._layout is not None:
            self._unpack()
        if not self._sums:
            self._sums = {name: np.zeros(array.shape, np.float64) for name, array in arrays.items()}
            self._dtypes = {name: array.dtype for name, array in arrays.items()}
        if arrays.keys() != self._sums.keys():
            raise ValueError(f"arrays differ from the first model's: {sorted(arrays.keys() ^ self._sums.keys())}")
        for name, array in arrays.items():
            if array.shape != self._sums[name].shape:
                raise ValueError(
                    f"array {name} has shape {array.shape}, the first model's has {self._sums[name].shape}"
                )
            _add_scaled(self._sums[name], array, weight)
        self.total += weight

    def sums(self) -> Mapping[str, np.ndarray]:
        """sum(w_i * x_i) in float64, not a copy: another `add` changes it."""
        return self._sums if self._layout is None else FlatArrays(self._layout, self._sums[BLOCK_OF_ALL])

    def mean(self) -> Mapping[str, np.ndarray]:
        """The mean so far, in the models' own types.

        Raises:
            ValueError: nothing was added.
        """
        if not self._sums:
            raise ValueError("no model was added")
        means = {name: (value / self.total).astype(self._dtypes[name]) for name, value in self._sums.items()}
        return means if self._layout is None else FlatArrays(self._layout, means[BLOCK_OF_ALL])

    def _unpack(self) -> None:
        """A model in another form came along: from now on, every array by itself."""
        assert self._layout is not None
        dtype = self._dtypes[BLOCK_OF_ALL]
        views = FlatArrays(self._layout, self._sums[BLOCK_OF_ALL]).views
        self._sums = {name: np.ascontiguousarray(view) for name, view in views.items()}
        self._dtypes = dict.fromkeys(self._sums, dtype)
        self._layout = None


# A block of products stays in the processor's cache: no second array of the model's size, no trip through memory.
BLOCK = 1 << 16
BLOCK_OF_ALL = ""  # the name of a whole model's block: no array is called so


def _add_scaled(total: np.ndarray, array: np.ndarray, weight: float) -> None:
    flat, values = total.reshape(-1), array.reshape(-1)
    scratch = np.empty(min(BLOCK, flat.size), np.float64)
    for start in range(0, flat.size, BLOCK):
        stop = min(start + BLOCK, flat.size)
        product = scratch[: stop - start]
        np.multiply(values[start:stop], weight, out=product, dtype=np.float64)  # else the product is float32
        flat[start:stop] += product
