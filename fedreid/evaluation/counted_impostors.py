"""The impostor scores at given places of their order by counting alone: for sets that no buffer can hold.

About ten times slower than keeping the highest, with three products in float64 and the counting, but its memory depends
neither on how many are wanted nor on how many are equal, as with a network that gives every image the same embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from fedreid.evaluation.cosines import RESOLUTION
from fedreid.evaluation.pair_scores import TILE, Region

DIGITS, BITS = 3, 14  # of a score in units of 2^-40, from -1 to 1 and a little beyond
ZERO = 2 ** (DIGITS * BITS - 1)  # makes them positive
AT_ONCE = (256, 2048)  # rows and columns at most: half a dozen arrays of this size, in float64, exist at a time


class Limit(NamedTuple):
    """The impostor score at some place, and how many are higher."""

    score: float
    above: int


def scores_by_counting(
    regions: Sequence[Region], places: Sequence[int], *, tile: tuple[int, int] = TILE
) -> dict[int, Limit]:
    """By place (1: the highest), the score there, in float64 and rounded to 2^-40.

    Each of three passes finds the next digit of every score in question, from the left: it counts the digits that
    follow those found so far.
    """
    found = dict.fromkeys(places, 0)  # the digits so far
    behind = {place: place for place in places}  # places counted among the scores that share them
    for digit in reversed(range(DIGITS)):
        prefixes = np.unique(list(found.values()))
        counts = np.zeros((len(prefixes), 2**BITS), np.int64)
        for values in whole_numbers(regions, tile):
            which, digits = following_digits(values, prefixes, digit * BITS)
            counts += np.bincount(which * 2**BITS + digits, minlength=counts.size).reshape(counts.shape)
        for place in places:
            from_top = counts[np.searchsorted(prefixes, found[place]), ::-1].cumsum()
            step = int(np.searchsorted(from_top, behind[place]))
            behind[place] -= int(from_top[step - 1]) if step else 0
            found[place] = found[place] * 2**BITS + 2**BITS - 1 - step
    return {place: Limit((found[place] - ZERO) / RESOLUTION, place - behind[place]) for place in places}


def whole_numbers(regions: Sequence[Region], tile: tuple[int, int]) -> Iterator[np.ndarray]:
    """Scores of all impostor pairs, some at a time: (p,) int64 in units of 2^-40, made positive."""
    for region in regions:
        for rows, columns in region.tiles((min(tile[0], AT_ONCE[0]), min(tile[1], AT_ONCE[1]))):
            scores = region.left.unit_float64(rows) @ region.right.unit_float64(columns).T
            values = np.rint(scores * RESOLUTION).astype(np.int64) + ZERO
            yield values[region.is_impostor(*np.ogrid[rows, columns])]


def following_digits(values: np.ndarray, prefixes: np.ndarray, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """For those of the values that begin with one of the prefixes (ascending): which one, and the digit after it."""
    begin = values >> (shift + BITS)
    is_possible = (begin >= prefixes[0]) & (begin <= prefixes[-1])  # quick, and all there is to say with a single one
    if not is_possible.all():
        values, begin = values[is_possible], begin[is_possible]
    if len(prefixes) == 1:
        return np.zeros(len(values), np.int64), (values >> shift) & (2**BITS - 1)
    which = np.minimum(np.searchsorted(prefixes, begin), len(prefixes) - 1)
    is_wanted = prefixes[which] == begin
    return which[is_wanted], (values[is_wanted] >> shift) & (2**BITS - 1)
