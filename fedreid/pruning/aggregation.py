"""The mean of sub-networks of different widths: every weight over those clients that have it.

For clients k with slices w_k at places pi_k of the full tensor and weights a_k,

    theta_new = sum_k a_k w_k / sum_k a_k   over the clients whose slice has the place,
    theta_new = theta_previous, bit for bit, where no client has it.

HeteroFL (Diao, Ding and Tarokh, ICLR 2021), FjORD (Horvath et al., NeurIPS 2021) and FedRolex (Alam et al., NeurIPS
2022) average like this; they choose other channels, and other a_k.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fedreid.models.flat import FlatArrays
from fedreid.models.running_mean import RunningMean
from fedreid.models.sharing import STATISTICS
from fedreid.pruning.maps import TensorMap
from fedreid.pruning.slicing import places

MOST_SUMS = 8  # tiers whose sums are kept apart until the end: with a map for each client, memory mustn't grow with them


class CoverageMean:
    """Folds slices in as they come, in float64: one sum for each tier, and in the end one for the full network.

    Clients of one tier have the same places, so they are added up as slices and put in their places together.

    Args:
        previous: the full network's arrays, by name; what no slice has stays as it is here.
        maps: by tier, which rows and columns of each array its slices are.
        pools_statistics: running variances are pooled with what the means say (`pooled`), not averaged.

    Raises:
        KeyError: from `add`, a tier that `maps` lacks.
    """

    def __init__(
        self, previous: Mapping[str, np.ndarray], maps: Mapping[str, TensorMap], *, pools_statistics: bool = False
    ) -> None:
        self.previous, self.maps, self.pools_statistics = previous, maps, pools_statistics
        self.tier_statistics: dict[str, dict[str, np.ndarray]] = {}
        self._open: dict[str, _Slices] = {}
        self._numerators: Mapping[str, np.ndarray] | None = None
        self._weights: dict[str, np.ndarray] = {}

    def add(self, arrays: Mapping[str, np.ndarray], weight: float, tier: str) -> None:
        """Fold one client's slice in.

        Raises:
            ValueError: a weight that isn't positive, names that the full network lacks, or other shapes than the map's.
        """
        if tier not in self._open:
            self._check(arrays, tier)
            while len(self._open) >= MOST_SUMS:
                self._close(next(iter(self._open)))
            self._open[tier] = _Slices()
        self._open[tier].add(arrays, weight, pools_statistics=self.pools_statistics)

    def mean(self) -> Mapping[str, np.ndarray]:
        """The full network so far, in the types of `previous`; laid out in one block if that is.

        Raises:
            ValueError: nothing was added.
        """
        for tier in list(self._open):
            self._close(tier)
        if self._numerators is None:
            raise ValueError("no slice was added")
        result = _empty_like(self.previous)
        for name, before in self.previous.items():
            weights = self._weights[name]
            is_covered = weights > 0
            value = self._numerators[name]
            np.divide(value, weights if is_covered.all() else np.where(is_covered, weights, 1.0), out=value)
            if self.pools_statistics and name.endswith(STATISTICS[1]):
                _subtract_square(value, self._numerators.get(_mean_of(name)))
            result[name][...] = value
            if not is_covered.all():
                np.copyto(result[name], before, where=~is_covered)
        self._numerators = None
        return result

    @property
    def coverage(self) -> dict[str, np.ndarray]:
        """By name, the sum of the weights of the clients that have each place, in a shape that spreads to the array's.

        Complete after `mean`.
        """
        return self._weights

    def _check(self, arrays: Mapping[str, np.ndarray], tier: str) -> None:
        if odd := arrays.keys() ^ self.previous.keys():
            raise ValueError(f"a slice of tier {tier} has other arrays than the full network: {sorted(odd)}")
        for name, array in arrays.items():
            shape = slice_shape(self.previous[name].shape, self.maps[tier].get(name, (None, None)))
            if array.shape != shape:
                raise ValueError(f"tier {tier}, array {name}: expected a slice of shape {shape}, found {array.shape}")

    def _close(self, tier: str) -> None:
        """Put a tier's sums in their places, and forget them."""
        slices, tensors = self._open.pop(tier), self.maps[tier]
        sums, total = slices.sums(), slices.total
        if self.pools_statistics:
            self.tier_statistics[tier] = slices.statistics(self.previous)
        if self._numerators is None:
            self._numerators = _zeros_like(self.previous)
            self._weights = {name: np.zeros(_weight_shape(array.shape)) for name, array in self.previous.items()}
        if not tensors and _add_block(self._numerators, sums):
            for weights in self._weights.values():
                weights += total
            return
        for name, values in sums.items():
            where = places(*tensors.get(name, (None, None)))
            _add_at(self._numerators[name], values, tensors.get(name, (None, None)))
            self._weights[name][where] += total


class _Slices:
    """The sums of one tier."""

    def __init__(self) -> None:
        self.mean, self.squares = RunningMean(), RunningMean()

    @property
    def total(self) -> float:
        return self.mean.total

    def add(self, arrays: Mapping[str, np.ndarray], weight: float, *, pools_statistics: bool) -> None:
        self.mean.add(arrays, weight)
        if not pools_statistics:
            return
        squares = {
            name: np.square(arrays[_mean_of(name)], dtype=np.float64) for name in arrays if name.endswith(STATISTICS[1])
        }
        if squares:
            self.squares.add(squares, weight)

    def sums(self) -> Mapping[str, np.ndarray]:
        """Of variances, the sum of second moments where they are pooled."""
        found = self.mean.sums()
        for name, values in self._squares().items():
            found[name][...] += values
        self.squares = RunningMean()
        return found

    def _squares(self) -> Mapping[str, np.ndarray]:
        return self.squares.sums() if self.squares.total else {}

    def statistics(self, like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The tier's pooled running statistics, after `sums`."""
        sums = self.mean.sums()
        found = {name: sums[name] / self.total for name in sums if name.endswith(STATISTICS)}
        for name in found:
            if name.endswith(STATISTICS[1]):
                _subtract_square(found[name], found.get(_mean_of(name)))
        return {name: values.astype(like[name].dtype) for name, values in found.items()}


def pooled(means: np.ndarray, variances: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of several samples together: mu = sum a mu_k / sum a, s2 = sum a (s2_k + mu_k^2) / sum a - mu^2.

    Args:
        means, variances: (clients, channels).
        weights: (clients,).
    """
    mean = np.average(means, axis=0, weights=weights)
    return mean, np.average(variances + means**2, axis=0, weights=weights) - mean**2


def slice_shape(shape: tuple[int, ...], indices: tuple[np.ndarray | None, np.ndarray | None]) -> tuple[int, ...]:
    """The shape of these rows and columns of an array."""
    sizes = list(shape)
    for dimension, ids in enumerate(indices):
        if ids is not None:
            sizes[dimension] = len(ids)
    return tuple(sizes)


def _mean_of(variance: str) -> str:
    return variance.removesuffix(STATISTICS[1]) + STATISTICS[0]


def _subtract_square(moments: np.ndarray, means: np.ndarray | None) -> None:
    """Second moments -> variances, in place; rounding must not make one negative."""
    if means is not None:
        np.maximum(moments - np.square(means), 0, out=moments)


def _weight_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Weights differ by row and column only: the places of a kernel are all covered, or none."""
    return tuple(size if dimension < 2 else 1 for dimension, size in enumerate(shape))


def _zeros_like(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """float64, in the same places of one block if there is one."""
    if isinstance(arrays, FlatArrays):
        return FlatArrays(arrays.layout, np.zeros(arrays.block.shape, np.float64))
    return {name: np.zeros(array.shape, np.float64) for name, array in arrays.items()}


def _empty_like(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    if isinstance(arrays, FlatArrays):
        return FlatArrays(arrays.layout, np.zeros_like(arrays.block))
    return {name: np.empty_like(array) for name, array in arrays.items()}


def _add_block(target: Mapping[str, np.ndarray], values: Mapping[str, np.ndarray]) -> bool:
    """Whole networks in one block of memory each are one addition; False if they aren't."""
    if not (isinstance(target, FlatArrays) and isinstance(values, FlatArrays) and target.layout == values.layout):
        return False
    np.add(target.block, values.block, out=target.block)
    return True


def _add_at(target: np.ndarray, values: np.ndarray, indices: tuple[np.ndarray | None, np.ndarray | None]) -> None:
    """target[rows, columns] += values, whatever way both lie in memory."""
    rows, columns = indices
    if rows is None and columns is None:
        target += values
        return
    target[places(rows, columns)] += values
