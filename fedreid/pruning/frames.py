"""Where tiers' sums of one array lie in each other, which of its places they cover, and their sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fedreid.pruning.maps import Indices
from fedreid.pruning.places import WHOLE, Scratch, is_within
from fedreid.pruning.slicing import scatter_add

Frame = tuple[Indices, Indices]  # rows and columns; None: all


@dataclass(frozen=True)
class Coverage:
    """Where one array was averaged.

    Args:
        shape: the array's.
        frame: rows and columns outside of which nobody has anything; None: all.
        inside: booleans, which places of the frame were averaged, in a shape that spreads to the frame's.
        least_inside: the smallest sum of clients' weights in the frame.
    """

    shape: tuple[int, ...]
    frame: Frame
    inside: np.ndarray
    least_inside: float

    @property
    def fills_frame(self) -> bool:
        """Whether every place of the frame was averaged."""
        return self.least_inside > 0

    @property
    def is_covered(self) -> np.ndarray:
        """Booleans, in a shape that spreads to the array's."""
        return self.inside if is_whole(self.frame) else is_within(self.shape, *self.frame)

    @property
    def least_weight(self) -> float:
        """The smallest sum of clients' weights; 0 where a place was left as it was."""
        return self.least_inside if self.share == 1 else 0.0

    @property
    def share(self) -> float:
        """Of the array's values."""
        sizes = zip(self.frame, self.shape, strict=False)
        return math.prod(len(ids) / size for ids, size in sizes if ids is not None) * float(self.inside.mean())


def coverage_of(shape: tuple[int, ...], frame: Frame, weights: np.ndarray) -> Coverage:
    """Of an array whose frame has these sums of weights."""
    least = float(weights.min() if weights.ndim else weights)
    return Coverage(shape, frame, np.ones((), bool) if least > 0 else weights > 0, least)


class Piece(NamedTuple):
    """A tier's part of one array: its rows and columns of the frame, the sum of its clients', and of their weights."""

    indices: Frame
    sums: np.ndarray
    total: float


def with_more(weights: np.ndarray, total: float, shape: tuple[int, ...], indices: Frame) -> np.ndarray:
    """Weights with a piece's added in its places, in a shape that spreads to the array's: one stands for all alike."""
    more = np.asarray(total)
    for axis, ids in enumerate(indices):
        if ids is not None:
            along = np.zeros(shape[axis])
            along[ids] = 1
            more = more * along.reshape(-1, *[1] * (len(shape) - 1 - axis))
    return np.asarray(weights + more)


def is_whole(indices: Frame) -> bool:
    """Neither rows nor columns are chosen."""
    return indices[0] is None and indices[1] is None


def common_frame(pieces: Sequence[Piece]) -> Frame:
    """Rows and columns of a piece that contains all others; of the whole array if none does.

    Only the first two are asked: their sum is the same in either order, so the one that fills the frame may come first.
    """
    for piece in pieces[:2]:
        if all(_contains(piece.indices, other.indices) for other in pieces):
            return piece.indices
    return WHOLE


def _contains(large: Frame, small: Frame) -> bool:
    if large is small or is_whole(large):
        return True
    return all(
        among is None or (ids is not None and bool((among.take(among.searchsorted(ids), mode="clip") == ids).all()))
        for among, ids in zip(large, small, strict=True)
    )


def within(frame: Frame, indices: Frame) -> Frame:
    """Rows and columns of the whole array -> those of a frame that has them all."""
    if frame is indices:
        return WHOLE
    rows, columns = (
        ids if among is None or ids is None else None if len(ids) == len(among) else among.searchsorted(ids)
        for among, ids in zip(frame, indices, strict=True)
    )
    return rows, columns


def place_all(pieces: Sequence[Piece], target: np.ndarray, scratch: Scratch) -> np.ndarray:
    """The sum of the pieces, each in its places of the frame: in one's memory if that fills it, else in scratch.

    Args:
        target: the whole array, which is the frame if none of the first two pieces fills it.
        scratch: its content is lost.
    """
    first = next((number for number, piece in enumerate(pieces[:2]) if is_whole(piece.indices)), None)
    if first is None:
        value = scratch.like(target)
        value.fill(0)
    else:
        value = pieces[first].sums
    for number, piece in enumerate(pieces):
        if number != first:
            scatter_add(value, piece.sums, *piece.indices)
    return value
