"""The mean of sub-networks of different widths: every weight over those clients that have it.

For clients k with slices w_k at places pi_k of the full tensor and weights a_k,

    theta_new = sum_k a_k w_k / sum_k a_k   over the clients whose slice has the place,
    theta_new = theta_previous, bit for bit, where no client has it.

HeteroFL (Diao, Ding and Tarokh, ICLR 2021), FjORD (Horvath et al., NeurIPS 2021) and FedRolex (Alam et al., NeurIPS
2022) average like this; they choose other channels, and other a_k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fedreid.models.flat import FlatArrays
from fedreid.models.running_mean import RunningMean
from fedreid.models.sharing import STATISTICS
from fedreid.pruning.frames import Coverage, Piece, common_frame, coverage_of, is_whole, place_all, with_more, within
from fedreid.pruning.maps import TensorMap
from fedreid.pruning.places import WHOLE, Scratch, slice_shape
from fedreid.pruning.slicing import scatter, scatter_add

# Tiers whose sums are kept apart until the end: where each client has a map of its own, memory mustn't grow with them.
MOST_SUMS = 8
SQUARES = "squares"  # of all running means, one after the other


class CoverageMean:
    """Folds slices in as they come, in float64: one sum for each tier, put in its places at the end.

    Clients of one tier have the same places, so they are added up as slices, which costs what FedAvg's sum costs.
    Of nested tiers the largest one's slice is all that the others are added to, and that is divided and written.

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
            pieces = [Piece(tensors.get(name, WHOLE), sums[name], total) for tensors, sums, total in parts]
            frame = common_frame(pieces)
            pieces = [Piece(within(frame, piece.indices), piece.sums, piece.total) for piece in pieces]
            weights = self._weights(name, slice_shape(target.shape, frame), pieces)
            coverage = self.coverage[name] = coverage_of(target.shape, frame, weights)
            value = place_all(pieces, target, scratch)
            # Where nobody has anything, 0 / 1 is computed and not written.
            weights = weights if coverage.fills_frame else np.where(coverage.inside, weights, 1.0)
            out = target if is_whole(frame) and coverage.fills_frame else np.empty_like(value, target.dtype)
            if self.pools_statistics and name.endswith(STATISTICS):
                value /= weights
                _subtract_square(name, value, means)
                np.copyto(out, value, casting="same_kind")
            else:
                np.divide(value, weights, out=out, casting="same_kind")
            if not is_whole(frame):
                scatter(target, out, *frame, key=name)
            elif out is not target:
                np.copyto(target, out, where=coverage.inside)
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

    def _weights(self, name: str, shape: tuple[int, ...], pieces: Sequence[Piece]) -> np.ndarray:
        """Sums of clients' weights in an array's frame, in a shape that spreads to the frame's."""
        weights = np.zeros(()) if self._closed is None else self._closed.weights[name]
        for piece in pieces:
            weights = with_more(weights, piece.total, shape, piece.indices)
        return weights

    def _sums(self, tier: str) -> Mapping[str, np.ndarray]:
        """An open tier's sums; what they say of its statistics is noted."""
        slices = self._open[tier]
        sums = slices.sums()
        self.tier_statistics[tier] = slices.statistics(sums, self.previous) if self.pools_statistics else {}
        return sums

    def _close(self, tier: str) -> None:
        """Put a tier's sums in their places already, and forget them."""
        self._closed = self._closed or _Placed(self.previous)
        self._closed.add(self._sums(tier), self._open[tier].total, self.maps[tier])
        del self._open[tier]


class _Placed:
    """Sums and weights of the full network."""

    def __init__(self, like: Mapping[str, np.ndarray]) -> None:
        self.sums = {name: np.zeros(array.shape) for name, array in like.items()}
        self.weights = dict.fromkeys(like, np.zeros(()))

    def add(self, sums: Mapping[str, np.ndarray], total: float, tensors: TensorMap) -> None:
        for name, values in sums.items():
            indices = tensors.get(name, WHOLE)
            scatter_add(self.sums[name], values, *indices)
            self.weights[name] = with_more(self.weights[name], total, self.sums[name].shape, indices)


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
        means = [arrays[_mean_of(name)] for name in _variances(arrays)]
        if means:
            self.squares.add({SQUARES: np.square(np.concatenate(means), dtype=np.float64)}, weight)

    def sums(self) -> Mapping[str, np.ndarray]:
        """Of variances, the sum of second moments where they are pooled."""
        found = self.mean.sums()
        if self.squares.total:
            variances = [found[name] for name in _variances(found)]
            ends = np.cumsum([len(values) for values in variances])
            for values, squares in zip(variances, np.split(self.squares.sums()[SQUARES], ends[:-1]), strict=True):
                values += squares
        self.squares = RunningMean()
        return found

    def statistics(self, sums: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The tier's pooled running statistics, of its `sums`."""
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


def _variances(arrays: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name in arrays if name.endswith(STATISTICS[1])]


def _mean_of(variance: str) -> str:
    return variance.removesuffix(STATISTICS[1]) + STATISTICS[0]


def _subtract_square(name: str, value: np.ndarray, means: dict[str, np.ndarray]) -> None:
    """Second moments -> variances, in place. A mean comes before its variance, as in a state dict."""
    if name.endswith(STATISTICS[0]):
        means[name] = value.copy()
    elif name.endswith(STATISTICS[1]) and _mean_of(name) in means:
        value -= np.square(means[_mean_of(name)])
        np.maximum(value, 0, out=value)  # rounding must not make one negative


def _copy(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    if isinstance(arrays, FlatArrays):
        return FlatArrays(arrays.layout, arrays.block.copy())
    return {name: array.copy() for name, array in arrays.items()}
