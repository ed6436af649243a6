"""Cosines of pairs of images, tile by tile in float32, and exactly for the few pairs that need it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedreid.evaluation.cosines import RESOLUTION, inverse_norms

TILE = (1024, 4096)  # rows and columns: 16 MB of scores, at which the product is as quick as in one piece (measured)
PAIRS_AT_ONCE = 2048
Features = np.ndarray | Tensor
Integers = np.ndarray | Tensor | Sequence[int]


@dataclass(frozen=True)
class Side:
    """Images on one side of the pairs.

    Attributes:
        features: (n, dim) float32 or float64, of any length.
        scale: (n,) float64, 1 / length of each.
        ids: (n,) int64.
        cameras: (n,) int64.
    """

    features: np.ndarray
    scale: np.ndarray
    ids: np.ndarray
    cameras: np.ndarray

    @classmethod
    def of(cls, name: str, features: Features, ids: Integers, cameras: Integers | None = None) -> Side:
        """Checked, and each image with a camera of its own if there are none.

        Raises:
            ValueError: features that aren't (n, dim) or not finite; ids or cameras that aren't n integers.
        """
        array = checked_features(name, features)
        scale = inverse_norms(array, name)
        if scale.max(initial=0) > 1e30:  # too much for float32
            array = array.astype(np.float64)
        return cls(
            array,
            scale,
            checked_integers(f"{name} ids", ids, len(array)),
            checked_integers(f"{name} cameras", np.arange(len(array)) if cameras is None else cameras, len(array)),
        )

    def __len__(self) -> int:
        return len(self.features)

    def part(self, chosen: np.ndarray) -> Side:
        """Some of the images; `chosen` is an index or a mask."""
        return Side(self.features[chosen], self.scale[chosen], self.ids[chosen], self.cameras[chosen])

    def unit(self, rows: slice | np.ndarray) -> np.ndarray:
        """Some of the features at length 1, in float32."""
        chosen = self.features[rows]
        return np.multiply(chosen, self.scale[rows, None].astype(chosen.dtype)).astype(np.float32, copy=False)

    def unit_float64(self, rows: slice) -> np.ndarray:
        """Some of the features at length 1, in float64."""
        return self.features[rows] * self.scale[rows, None]


@dataclass(frozen=True)
class Region:
    """Pairs of a left and a right image.

    Attributes:
        unordered: both sides are the same images; each pair counts once, and none is of an image with itself.
    """

    left: Side
    right: Side
    unordered: bool = False

    def __post_init__(self) -> None:
        check_dimensions(self.left, self.right)

    def tiles(self, tile: tuple[int, int] = TILE) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of tiles that hold all pairs; the rows change fastest."""
        height, width = tile
        for column in range(0, len(self.right), width):
            columns = slice(column, min(column + width, len(self.right)))
            last_row = min(len(self.left), columns.stop - 1) if self.unordered else len(self.left)
            for row in range(0, last_row, height):
                yield slice(row, min(row + height, last_row)), columns

    def scores(self, tile: tuple[int, int], space: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
        """Rows, columns and scores (rows, columns) in float32 of each tile; the next overwrites them in `space`."""
        ready, right = slice(0, 0), np.empty(0)
        for rows, columns in self.tiles(tile):
            if columns != ready:
                ready, right = columns, self.right.unit(columns).T
            height, width = rows.stop - rows.start, columns.stop - columns.start
            scores = space[: height * width].reshape(height, width)
            yield rows, columns, np.matmul(self.left.unit(rows), right, out=scores)

    def is_impostor(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Which are pairs of two people. The arguments broadcast."""
        return self._is_pair(rows, columns) & (self.left.ids[rows] != self.right.ids[columns])

    def is_genuine(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Which are pairs, for images of one person: seen by two cameras. The arguments broadcast."""
        return self._is_pair(rows, columns) & (self.left.cameras[rows] != self.right.cameras[columns])

    def _is_pair(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray | bool:
        return rows < columns if self.unordered else True

    @property
    def error(self) -> float:
        """How far a score in float32 may be from the exact one.

        A bound, not an estimate: each of dim products and sums is off by at most 2^-24 of what is at most 1, and so
        are both roundings of both factors. Only few scores are that close to a threshold, so a tighter one gains
        nothing.
        """
        return 2.0**-24 * (self.left.features.shape[1] + 8)

    def exact(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(p,) float64 scores of pairs, whole multiples of 2^-40: they don't depend on what else is asked for."""
        scores = np.empty(len(rows))
        for start in range(0, len(rows), PAIRS_AT_ONCE):
            left, right = rows[start : start + PAIRS_AT_ONCE], columns[start : start + PAIRS_AT_ONCE]
            products = np.multiply(self.left.features[left], self.right.features[right], dtype=np.float64).sum(axis=1)
            scores[start : start + PAIRS_AT_ONCE] = products * (self.left.scale[left] * self.right.scale[right])
        return np.rint(scores * RESOLUTION) / RESOLUTION


def check_dimensions(*sides: Side) -> None:
    """Raises ValueError: features that can't be compared."""
    dims = [side.features.shape[1] for side in sides]
    if len(set(dims)) > 1:
        raise ValueError(f"features must all have the same number of dimensions, found {', '.join(map(str, dims))}")


def checked_features(name: str, features: Features) -> np.ndarray:
    """(n, dim), float64 where that is what came, else float32; n may be 0."""
    if isinstance(features, Tensor):
        features = features.detach().to("cpu", torch.promote_types(features.dtype, torch.float32)).numpy()
    array = np.asarray(features)
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"{name} features must be (n, dim), found shape {array.shape}")
    return array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64, copy=False)


def checked_integers(name: str, values: Integers, expected: int) -> np.ndarray:
    """(expected,) int64."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.shape != (expected,) or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"{name} must be {expected} integers, one for each feature; found {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.int64)
