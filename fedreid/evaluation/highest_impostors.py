"""The impostor scores at given places of their order, from a stream of tiles: nothing is sorted but what may matter."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from fedreid.evaluation.counted_impostors import Limit, scores_by_counting
from fedreid.evaluation.pair_scores import TILE, Region

logger = logging.getLogger(__name__)

MOST_WANTED = 2**23  # pairs to keep; 12 bytes for each, and about as much again while they are sifted
MOST_DOUBTFUL = 2**18  # pairs to compute exactly, for each place: a quarter of a second
ROOM = 2**20  # pairs that may gather before the next sifting, at least
AT_ONCE = 2**20  # scores compared with the floor in one go
SAMPLE = (512, 2048)  # images on the left and right that tell roughly where the floor will be


class TooManyAgreeError(Exception):
    """So many scores agree in float32 that the highest can't be told from the rest without keeping most of them."""


def impostor_scores(
    regions: Sequence[Region], places: Sequence[int], *, tile: tuple[int, int] = TILE, most_wanted: int = MOST_WANTED
) -> dict[int, Limit]:
    """By place (1: the highest), the exact score of the impostor pair there.

    Args:
        regions: all the impostor pairs, in turn; there are at least as many as the last place says.
        tile: rows and columns at once; changes memory and speed, not the scores.
        most_wanted: beyond this place the scores are counted instead of kept, which takes about ten times as long.
    """
    if not places:
        return {}
    if max(places) <= most_wanted:
        highest = Highest(regions, max(places), tile)
        try:
            if not highest.gather(likely_floor(regions, max(places))):
                highest.gather(-np.inf)  # the sample wasn't like the rest
            return {place: highest.exact(place) for place in places}
        except TooManyAgreeError:
            logger.info("Many pairs have equal scores: is the network collapsed? Counting them, which takes longer.")
    return scores_by_counting(regions, places, tile=tile)


class Highest:
    """Pairs that may be among the `wanted` highest, by their scores in float32."""

    def __init__(self, regions: Sequence[Region], wanted: int, tile: tuple[int, int]) -> None:
        self._regions, self._wanted, self._tile = regions, wanted, tile
        self._room = max(ROOM, wanted // 2)
        self._slack = 2 * max(region.error for region in regions)
        pairs = sum(len(region.left) * len(region.right) for region in regions)
        capacity = min(pairs, wanted + self._room + max(AT_ONCE, tile[1]))
        self._scores = np.empty(capacity, np.float32)
        self._pairs = np.empty(capacity, np.int64)  # region, row and column in one number
        self._first_pairs = np.cumsum([0] + [len(region.left) * len(region.right) for region in regions])
        self._count = 0
        self._floor = -np.inf  # a pair below is certainly not among the highest

    def gather(self, floor: float) -> bool:
        """Go through all the pairs that score higher than a floor; whether the highest are certainly among them."""
        self._count, self._floor = 0, floor
        space = np.empty(self._tile[0] * self._tile[1], np.float32)  # used again for each tile
        for region, first_pair in zip(self._regions, self._first_pairs, strict=False):
            for rows, columns, scores in region.scores(self._tile, space):
                height, width = scores.shape
                step = max(1, AT_ONCE // width)
                for start in range(0, height, step):
                    part = scores[start : start + step].ravel()
                    chosen = np.flatnonzero(part > self._floor)
                    left, right = np.divmod(chosen, width)
                    left, right = left + (rows.start + start), right + columns.start
                    is_impostor = region.is_impostor(left, right)
                    self._add(part[chosen[is_impostor]], (first_pair + left * len(region.right) + right)[is_impostor])
                    if self._count > self._wanted + self._room:
                        self._sift()
        return self._count >= self._wanted and self._near(self._wanted) - self._slack >= floor

    def exact(self, place: int) -> Limit:
        """The exact score at a place of the order, after `gather`.

        Those within rounding of the score that is there in float32 are ordered again.
        """
        scores, near = self._scores[: self._count], self._near(place)
        above = np.count_nonzero(scores > near + self._slack)
        doubtful = self._pairs[: self._count][(scores > near - self._slack) & (scores <= near + self._slack)]
        if len(doubtful) > MOST_DOUBTFUL:
            raise TooManyAgreeError
        descending = -np.sort(-self._exact_scores(doubtful))
        score = descending[place - above - 1]
        return Limit(float(score), int(above + np.count_nonzero(descending > score)))

    def _near(self, place: int) -> float:
        """The score in float32 at a place of the order."""
        return float(np.partition(self._scores[: self._count], self._count - place)[self._count - place])

    def _add(self, scores: np.ndarray, pairs: np.ndarray) -> None:
        end = self._count + len(scores)
        self._scores[self._count : end], self._pairs[self._count : end] = scores, pairs
        self._count = end

    def _sift(self) -> None:
        """Drop what certainly isn't among the highest."""
        scores = self._scores[: self._count]
        self._floor = max(self._floor, self._near(self._wanted) - self._slack)
        keep = scores > self._floor
        kept = int(np.count_nonzero(keep))
        self._scores[:kept], self._pairs[:kept] = scores[keep], self._pairs[: self._count][keep]
        self._count = kept
        if kept > self._wanted + self._room // 2:
            raise TooManyAgreeError

    def _exact_scores(self, pairs: np.ndarray) -> np.ndarray:
        found = []
        for number, region in enumerate(self._regions):
            first, end = self._first_pairs[number : number + 2]
            rows, columns = np.divmod(pairs[(pairs >= first) & (pairs < end)] - first, max(1, len(region.right)))
            found.append(region.exact(rows, columns))
        return np.concatenate(found)


def likely_floor(regions: Sequence[Region], wanted: int) -> float:
    """A score that somewhat more than `wanted` pairs probably exceed, judging by every n-th image.

    Nearly nothing but the highest has to be listed then; without it, several times as much. -inf if the images are few.
    """
    on_left, on_right = max(len(region.left) for region in regions), sum(len(region.right) for region in regions)
    left_step, right_step = max(1, on_left // SAMPLE[0]), max(1, on_right // SAMPLE[1])
    found = []
    for region in regions:
        rows, columns = np.arange(0, len(region.left), left_step), np.arange(0, len(region.right), right_step)
        scores = region.left.unit(rows) @ region.right.unit(columns).T
        found.append(scores[region.is_impostor(rows[:, None], columns)])
    scores = np.concatenate(found)
    place = int(1.25 * wanted / (left_step * right_step)) + 100
    return float(np.partition(scores, len(scores) - place)[len(scores) - place]) if place <= len(scores) else -np.inf
