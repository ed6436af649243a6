"""Verification from embeddings, exact at any size, without a matrix of all scores.

The impostor scores that set the thresholds are picked from a stream of tiles (`highest_impostors`), then the genuine
pairs are counted. Scores come from matrix products in float32, whose last bits depend on shapes, library and threads;
they decide nothing: what is closer to a threshold than rounding can account for is computed again in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fedreid.evaluation.counted_impostors import Limit
from fedreid.evaluation.highest_impostors import MOST_WANTED, impostor_scores
from fedreid.evaluation.pair_scores import TILE, Region
from fedreid.evaluation.pairs import PairSet
from fedreid.evaluation.rates import Rates, allowed_errors, checked_rates
from fedreid.evaluation.verification import Verification


def verify_embeddings(
    pairs: PairSet, far: Rates, *, tile: tuple[int, int] = TILE, most_wanted: int = MOST_WANTED
) -> Verification:
    """`verify_scores` of all pairs by cosine similarity: the same numbers as from the whole matrix in float64.

    Equal scores are those that agree to 2^-40. Memory beyond the features: about 80 MB, and 32 bytes for each impostor
    that the largest rate accepts, up to 2^23 of them (a rate of 1e-2 for 800 million pairs). Beyond that, or if a great
    many scores are equal, scores are counted instead of kept: less memory, about ten times the time.

    Args:
        far: false-accept rates, between 0 and 1.
        tile: left and right images whose scores are computed at once; changes no result.
        most_wanted: impostors to keep at most; changes no result, either.

    Raises:
        ValueError: no genuine or no impostor pairs, or a rate that isn't between 0 and 1.
    """
    rates = checked_rates(far, "far").ravel().tolist()
    for count, kind in ((pairs.genuine, "genuine"), (pairs.impostors, "impostor")):
        if not count:
            raise ValueError(f"expected at least one {kind} pair, found none")
    places = {rate: allowed_errors(rate, pairs.impostors) + 1 for rate in rates}
    inside = sorted({place for place in places.values() if place <= pairs.impostors})
    found = impostor_scores(pairs.impostors_in, inside, tile=tile, most_wanted=most_wanted)
    limits = {rate: found.get(place, Limit(-np.inf, pairs.impostors)) for rate, place in places.items()}
    accepted = count_genuine(pairs.among, [limit.score for limit in limits.values()], tile)
    return Verification(
        tar={rate: int(count) / pairs.genuine for rate, count in zip(limits, accepted, strict=True)},
        threshold={rate: limit.score for rate, limit in limits.items()},
        realised={rate: limit.above / pairs.impostors for rate, limit in limits.items()},
        genuine=pairs.genuine,
        impostors=pairs.impostors,
    )


def count_genuine(region: Region, thresholds: Sequence[float], tile: tuple[int, int] = TILE) -> np.ndarray:
    """(thresholds,) how many genuine pairs score higher than each."""
    counts = np.zeros(len(thresholds), np.int64)
    slack = 2 * region.error
    for rows, columns in same_identity(region, tile):
        scores = region.left.unit(rows) @ region.right.unit(columns).T
        is_genuine = region.is_genuine(rows[:, None], columns)
        for number, threshold in enumerate(thresholds):
            is_above = (scores > threshold + slack) & is_genuine
            doubtful = np.nonzero((scores > threshold - slack) & is_genuine & ~is_above)
            exact = region.exact(rows[doubtful[0]], columns[doubtful[1]])
            counts[number] += np.count_nonzero(is_above) + np.count_nonzero(exact > threshold)
    return counts


def same_identity(region: Region, tile: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of one identity, at most a tile of them at a time."""
    sides = [(np.argsort(side.ids, kind="stable"), np.sort(side.ids)) for side in (region.left, region.right)]
    for identity in np.intersect1d(region.left.ids, region.right.ids):
        rows, columns = (order[slice(*np.searchsorted(ids, [identity, identity + 1]))] for order, ids in sides)
        for row in range(0, len(rows), tile[0]):
            for column in range(0, len(columns), tile[1]):
                yield rows[row : row + tile[0]], columns[column : column + tile[1]]
