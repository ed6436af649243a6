"""The impostor scores at given places of their order, from a stream of tiles: nothing is sorted but what may matter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedreid.evaluation.counted_impostors import Limit, scores_by_counting
from fedreid.evaluation.pair_scores import TILE, Region

MOST_WANTED = 2**23  # pairs to keep; 12 bytes for each, and about as much again while they are sifted
ROOM = 2**20  # pairs that may gather before the next sifting, at least
AT_ONCE = 2**20  # scores compared with the floor in one go


def impostor_scores(
    regions: Sequence[Region], places: Sequence[int], *, tile: tuple[int, int] = TILE, most_wanted: int = MOST_WANTED
) -> dict[int, Limit]:
    """By place (1: the highest), the exact score of the impostor pair there.

    Args:
        regions: all the impostor pairs, in turn; there are at least as many as the last place says.
        tile: rows and columns at once; changes memory and speed, not the scores.
        most_wanted: beyond this place the scores are counted instead of kept, which takes several times as long.
    """
    if not places:
        return {}
    if max(places) <= most_wanted:
        highest = Highest(regions, max(places), tile)
        if highest.gather():
            return {place: highest.exact(place) for place in places}
    return scores_by_counting(regions, places, tile=tile)


class Highest:
    """Pairs that may be among the `wanted` highest, by their scores in float32."""

    def __init__(self, regions: Sequence[Region], wanted: int, tile: tuple[int, int]) -> None:
        self._regions, self._wanted, self._tile = regions, wanted, tile
        self._room = max(ROOM, wanted // 2)
        self._slack = 2 * max(region.error for region in regions)
        pairs = sum(len(region.left) * len(region.right) for region in regions)
        capacity = min(pairs, wanted + self._room + AT_ONCE)
        self._scores = np.empty(capacity, np.float32)
        self._pairs = np.empty(capacity, np.int64)  # region, row and column in one number
        self._first_pairs = np.cumsum([0] + [len(region.left) * len(region.right) for region in regions])
        self._count = 0
        self._floor = -np.inf  # a pair below is certainly not among the highest

    def gather(self) -> bool:
        """Whether the highest could be told from the rest: not so if a great many scores agree in float32."""
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
                    if self._count > self._wanted + self._room and not self._sift():
                        return False
        return True

    def exact(self, place: int) -> Limit:
        """The exact score at a place of the order, after `gather`."""
        scores = self._scores[: self._count]
        near = float(np.partition(scores, self._count - place)[self._count - place])
        above = np.count_nonzero(scores > near + self._slack)
        doubtful = self._pairs[: self._count][(scores > near - self._slack) & (scores <= near + self._slack)]
        descending = -np.sort(-self._exact_scores(doubtful))
        score = descending[place - above - 1]
        return Limit(float(score), int(above + np.count_nonzero(descending > score)))

    def _add(self, scores: np.ndarray, pairs: np.ndarray) -> None:
        end = self._count + len(scores)
        self._scores[self._count : end], self._pairs[self._count : end] = scores, pairs
        self._count = end

    def _sift(self) -> bool:
        """Drop what certainly isn't among the highest; whether that made room."""
        scores = self._scores[: self._count]
        self._floor = float(np.partition(scores, self._count - self._wanted)[self._count - self._wanted]) - self._slack
        keep = scores > self._floor
        kept = np.count_nonzero(keep)
        self._scores[:kept], self._pairs[:kept] = scores[keep], self._pairs[: self._count][keep]
        self._count = kept
        return kept <= self._wanted + self._room // 2

    def _exact_scores(self, pairs: np.ndarray) -> np.ndarray:
        found = []
        for number, region in enumerate(self._regions):
            first, end = self._first_pairs[number : number + 2]
            rows, columns = np.divmod(pairs[(pairs >= first) & (pairs < end)] - first, max(1, len(region.right)))
            found.append(region.exact(rows, columns))
        return np.concatenate(found)
