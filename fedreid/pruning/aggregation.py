"""The mean of sub-networks of different widths: every weight over those clients that have it.

For clients k with slices w_k at places pi_k of the full tensor and weights a_k,

    theta_new = sum_k a_k w_k / sum_k a_k   over the clients whose slice has the place,
    theta_new = theta_previous, bit for bit, where no client has it.

HeteroFL (Diao, Ding and Tarokh, ICLR 2021), FjORD (Horvath et al., NeurIPS 2021) and FedRolex (Alam et al., NeurIPS
2022) average like this; they choose other channels, and other a_k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedreid.models.flat import FlatArrays
from fedreid.models.running_mean import RunningMean
from fedreid.models.sharing import STATISTICS
from fedreid.pruning.maps import TensorMap
from fedreid.pruning.places import WHOLE, Scratch, add_at, is_within, slice_shape

# Tiers whose sums are kept apart until the end: where each client has a map of its own, memory mustn't grow with them.
MOST_SUMS = 8


class CoverageMean:
    """Folds slices in as they come, in float64: one sum for each tier, put in its places at the end.

    Clients of one tier have the same places, so they are added up as slices, which costs what FedAvg's sum costs.

    Args:
        previous: the full network's arrays, by name; what no slice has stays as it is here.
        maps: by tier, which rows and columns of each array its slices are.
        pools_statistics: running variances are pooled with what the means say (`pooled`), not averaged.

    Attributes:
        tier_statistics: by tier, its own running statistics, where they are pooled; after `mean`.
        coverage: by name, which places some client has; after `mean`.
    """

    def __init__(
        self, previous: Mapping[str, np.ndarray], maps: Mapping[str, TensorMap], *, pools_statistics: bool = False
    ) -> None:
        self.previous, self.maps, self.pools_statistics = previous, maps, pools_statistics
        self.tier_statistics: dict[str, dict[str, np.ndarray]] = {}
        self.coverage: dict[str, Coverage] = {}
        self._open: dict[str, _Slices] = {}
        self._closed: _Placed | None = None

    def add(self, arrays: Mapping[str, np.ndarray], weight: float, tier: str) -> None:
        """Fold one client's slice in.

        Raises:
            KeyError: a tier that has no map.
            ValueError: a weight that isn't positive, names that the full network lacks, or other shapes than the map's.
        """
        if tier not in self._open:
            self._check(arrays, tier)
            if len(self._open) >= MOST_SUMS:
                self._close(next(iter(self._open)))
            self._open[tier] = _Slices()
        self._open[tier].add(arrays, weight, pools_statistics=self.pools_statistics)

    def mean(self) -> Mapping[str, np.ndarray]:
        """The full network, in the types of `previous`, and laid out in one block if that is. Ends the sums.

        Raises:
            ValueError: nothing was added.
        """
        if not self._open and self._closed is None:
            raise ValueError("no slice was added")
        parts = [(self.maps[tier], self._sums(tier), slices.total) for tier, slices in self._open.items()]
        self._open.clear()
        if self._closed is not None:
            parts.insert(0, ({}, self._closed.sums, 0.0))
        result, means, scratch = _copy(self.previous), dict[str, np.ndarray](), Scratch(self.previous)
        for name, target in result.items():
            pieces = [(tensors.get(name, WHOLE), sums[name], total) for tensors, sums, total in parts]
            weights = _weights(target.shape) if self._closed is None else self._closed.weights[name]
            for indices, _, total in pieces:
                weights = weights + total * is_within(target.shape, *indices)
            value = _place(pieces, scratch.like(target))
            is_covered = weights > 0
            self.coverage[name] = Coverage(is_covered, float(weights.min()))
            np.divide(value, weights if is_covered.all() else np.where(is_covered, weights, 1.0), out=value)
            if self.pools_statistics:
                _subtract_square(name, value, means)
            np.copyto(target, value, where=True if is_covered.all() else is_covered, casting="same_kind")
        return result

    def _check(self, arrays: Mapping[str, np.ndarray], tier: str) -> None:
        if tier in self.tier_statistics:
            raise ValueError(f"tier {tier} was closed: at most {MOST_SUMS} tiers may be mixed")
        if odd := arrays.keys() ^ self.previous.keys():
            raise ValueError(f"a slice of tier {tier} has other arrays than the full network: {sorted(odd)}")
        for name, array in arrays.items():
            shape = slice_shape(self.previous[name].shape, self.maps[tier].get(name, WHOLE))
            if array.shape != shape:
                raise ValueError(f"tier {tier}, array {name}: expected a slice of shape {shape}, found {array.shape}")

    def _sums(self, tier: str) -> Mapping[str, np.ndarray]:
        """An open tier's sums; what they say of its statistics is noted."""
        slices = self._open[tier]
        sums = slices.sums()
        self.tier_statistics[tier] = slices.statistics(self.previous) if self.pools_statistics else {}
        return sums

    def _close(self, tier: str) -> None:
        """Put a tier's sums in their places already, and forget them."""
        self._closed = self._closed or _Placed(self.previous)
        self._closed.add(self._sums(tier), self._open[tier].total, self.maps[tier])
        del self._open[tier]


@dataclass(frozen=True)
class Coverage:
    """Where one array was averaged.

    Attributes:
        is_covered: booleans, in a shape that spreads to the array's.
        least_weight: the smallest sum of clients' weights; 0 where a place was left as it was.
    """

    is_covered: np.ndarray
    least_weight: float

    @property
    def share(self) -> float:
        """Of the array's values."""
        return float(self.is_covered.mean())


class _Placed:
    """Sums and weights of the full network."""

    def __init__(self, like: Mapping[str, np.ndarray]) -> None:
        self.sums = {name: np.zeros(array.shape) for name, array in like.items()}
        self.weights = {name: _weights(array.shape) for name, array in like.items()}

    def add(self, sums: Mapping[str, np.ndarray], total: float, tensors: TensorMap) -> None:
        for name, values in sums.items():
            indices = tensors.get(name, WHOLE)
            add_at(self.sums[name], values, *indices)
            self.weights[name] = self.weights[name] + total * is_within(self.sums[name].shape, *indices)


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
        means: dict[str, np.ndarray] = {}
        for name, value in found.items():
            _subtract_square(name, value, means)
        return {name: values.astype(like[name].dtype) for name, values in found.items()}


def pooled(means: np.ndarray, variances: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of samples together: mu = sum a mu_k / sum a, s2 = sum a (s2_k + mu_k^2) / sum a - mu^2.

    Args:
        means, variances: (clients, channels).
        weights: (clients,).
    """
    mean = np.average(means, axis=0, weights=weights)
    return mean, np.average(variances + means**2, axis=0, weights=weights) - mean**2


def _mean_of(variance: str) -> str:
    return variance.removesuffix(STATISTICS[1]) + STATISTICS[0]


def _subtract_square(name: str, value: np.ndarray, means: dict[str, np.ndarray]) -> None:
    """Second moments -> variances, in place. A mean comes before its variance, as in a state dict."""
    if name.endswith(STATISTICS[0]):
        means[name] = value.copy()
    elif name.endswith(STATISTICS[1]) and _mean_of(name) in means:
        value -= np.square(means[_mean_of(name)])
        np.maximum(value, 0, out=value)  # rounding must not make one negative


def _weights(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros in a shape that spreads to the array's: one value stands for all while all clients have all of it."""
    return np.zeros((1,) * len(shape))


def _copy(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    if isinstance(arrays, FlatArrays):
        return FlatArrays(arrays.layout, arrays.block.copy())
    return {name: array.copy() for name, array in arrays.items()}


def _place(pieces: Sequence[tuple[Any, np.ndarray, float]], scratch: np.ndarray) -> np.ndarray:
    """The sum of slices, each in its places, as one array: in the first one's memory if that is whole, else in scratch.

    Args:
        pieces: (rows and columns, values, weight).
        scratch: of the whole array's shape; its content is lost.
    """
    indices, value, _ = pieces[0]
    if indices[0] is None and indices[1] is None:
        pieces = pieces[1:]
    else:
        value = scratch
        value.fill(0)
    for indices, values, _ in pieces:
        add_at(value, values, *indices)
    return value
