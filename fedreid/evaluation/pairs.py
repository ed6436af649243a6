"""Which pairs verification looks at: those of one client's people, or those of queries and a gallery.

Nothing here holds a matrix of all scores. The impostor scores that set the thresholds are picked from a stream of
tiles (`highest_impostors`), then the genuine pairs are counted. Scores come from matrix products in float32, whose last
bits depend on shapes, library and threads; they decide nothing: what is closer to a threshold than rounding can account
for is computed again in float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import Literal, get_args

import numpy as np

from fedreid.evaluation.counted_impostors import Limit
from fedreid.evaluation.highest_impostors import MOST_WANTED, impostor_scores
from fedreid.evaluation.pair_scores import TILE, Features, Integers, Region, Side
from fedreid.evaluation.rates import Rates, allowed_errors, checked_rates
from fedreid.evaluation.verification import Verification

Impostors = Literal["all", "cross_client"]


@dataclass(frozen=True)
class PairSet:
    """Genuine and impostor pairs.

    Attributes:
        among: where the genuine pairs are.
        impostors_in: where the impostor pairs are; no pair is in two of them.
        genuine, impostors: how many there are.
    """

    among: Region
    impostors_in: tuple[Region, ...]
    genuine: int
    impostors: int


def own_pairs(features: Features, ids: Integers, others: Features, *, impostors: Impostors = "all") -> PairSet:
    """The pairs of one client's images, all embedded by its own model.

    Genuine: two of its images of one identity. Impostors: one of its images and one of another client; with "all",
    also two of its images of different identities. (The dissertation describes the first kind only, but counts both.)

    Args:
        features: (own, dim) of the client's images.
        ids: (own,) their identities.
        others: (n, dim) of the images of all other clients, whose people are others.

    Raises:
        ValueError: shapes that don't agree, features that aren't finite, or an unknown kind of impostors.
    """
    if impostors not in get_args(Impostors):
        raise ValueError(f"impostors must be one of {', '.join(get_args(Impostors))}; found {impostors!r}")
    own = Side.of("own", features, ids)
    strangers = np.full(len(others), own.ids.min(initial=0) - 1)  # a number that none of them has
    within, across = Region(own, own, unordered=True), Region(own, Side.of("others'", others, strangers))
    genuine = sum(comb(int(count), 2) for count in np.unique(own.ids, return_counts=True)[1])
    within_impostors = comb(len(own), 2) - genuine if impostors == "all" else 0
    regions = (within, across) if impostors == "all" else (across,)
    return PairSet(within, regions, genuine, within_impostors + len(own) * len(across.right))


def search_pairs(
    query_features: Features,
    query_ids: Integers,
    query_cameras: Integers,
    gallery_features: Features,
    gallery_ids: Integers,
    gallery_cameras: Integers,
) -> PairSet:
    """The pairs of a query and a gallery image.

    Genuine: one identity, two cameras. Impostors: two identities; a distractor, of an identity that no query has, is
    an impostor for all of them. Pairs of one identity and one camera are neither.

    Args:
        query_features, gallery_features: (n, dim).
        query_ids, gallery_ids: (n,) integers.
        query_cameras, gallery_cameras: (n,) integers; an image of unknown camera has a negative number of its own.

    Raises:
        ValueError: shapes that don't agree, or features that aren't finite.
    """
    query = Side.of("query", query_features, query_ids, query_cameras)
    gallery = Side.of("gallery", gallery_features, gallery_ids, gallery_cameras)
    region = Region(query, gallery)
    of_one_identity = agreeing_pairs(query.ids, gallery.ids)
    of_one_camera = agreeing_pairs(*(np.stack([side.ids, side.cameras], axis=1) for side in (query, gallery)))
    impostors = len(query) * len(gallery) - of_one_identity
    return PairSet(region, (region,), of_one_identity - of_one_camera, impostors)


def agreeing_pairs(left: np.ndarray, right: np.ndarray) -> int:
    """How many pairs of a left and a right label, (n,) or (n, parts), agree."""
    kinds, inverse = np.unique(np.concatenate([left, right]), axis=0, return_inverse=True)
    inverse = inverse.ravel()
    counts = [np.bincount(side, minlength=len(kinds)) for side in (inverse[: len(left)], inverse[len(left) :])]
    return int(counts[0] @ counts[1])


@dataclass(frozen=True)
class PairCounts:
    """Pairs of one client's test images."""

    genuine: int
    within_client: int
    cross_client: int


def pair_counts(clients: int, identities: int, images: int) -> PairCounts:
    """What `own_pairs` has to find in a federation whose clients have equally many identities and test images each."""
    return PairCounts(
        genuine=identities * comb(images, 2),
        within_client=comb(identities, 2) * images**2,
        cross_client=identities * images * (clients - 1) * identities * images,
    )


def verify_embeddings(
    pairs: PairSet, far: Rates, *, tile: tuple[int, int] = TILE, most_wanted: int = MOST_WANTED
) -> Verification:
    """`verification` of all pairs by cosine similarity: the same numbers as from the whole matrix in float64.

    Equal scores are those that agree to 2^-40. Memory beyond the features: about 64 MB, and 32 bytes for each impostor
    that the largest rate accepts, up to 2^23 of them (a rate of 1e-2 for 800 million pairs). Beyond that, or if a great
    many scores are equal, scores are counted instead of kept: less memory, several times the time.

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
        rows, columns = (
            order[slice(*np.searchsorted(ids, [identity, identity + 1]))] for order, ids in sides
        )
        for row in range(0, len(rows), tile[0]):
            for column in range(0, len(columns), tile[1]):
                yield rows[row : row + tile[0]], columns[column : column + tile[1]]
