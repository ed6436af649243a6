"""What single queries find: which ones to show, and the gallery images that come first."""

from __future__ import annotations

import numpy as np

from fedreid.data.query_scores import QueryScores
from fedreid.evaluation.cosines import RESOLUTION, Cosines
from fedreid.evaluation.match_ranks import Labels


def spread_queries(scores: QueryScores, count: int) -> np.ndarray:
    """(at most count,) queries from the worst answered to the best, evenly over the order of average precision.

    Queries whose person isn't in the gallery have no average precision and are left out.
    """
    asked = np.flatnonzero(scores.rank > 0)
    order = asked[np.argsort(scores.ap[asked], kind="stable")]
    if not count or not len(order):
        return order[:0]
    return order[np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(np.int64))]


def first_found(
    query_features: np.ndarray,
    queries: Labels,
    gallery_features: np.ndarray,
    gallery: Labels,
    *,
    ranks: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each query the positions of the first gallery images, (at most ranks,), and their cosines.

    In the order that `fedreid.evaluation.rank` counts by: images of the query's identity and camera are left out, and
    equal scores stand in the order of the gallery.

    Args:
        query_features, gallery_features: (n, dim) float32 or float64.
    """
    cosines = Cosines(query_features, gallery_features)
    scores = np.empty((len(query_features), len(gallery_features)), np.float32)
    cosines.approximate(0, len(query_features), out=scores)
    found = []
    for query, row in enumerate(scores):
        is_junk = (gallery.ids == queries.ids[query]) & (gallery.cameras == queries.cameras[query])
        kept = np.flatnonzero(~is_junk)
        if len(kept) > ranks:  # all that rounding may have put behind the last place, too
            last = np.partition(row[kept], len(kept) - ranks)[len(kept) - ranks]
            kept = kept[row[kept] >= last - 2 * cosines.slack(last)]
        exact = cosines.exact(np.full(len(kept), query), kept)
        best = np.lexsort((kept, -exact))[:ranks]
        found.append((kept[best], exact[best] / RESOLUTION))
    return found


def seen_widely(identities: np.ndarray, cameras: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(at most count,) identities that most cameras saw, in rising order; among equals the generator chooses.

    Args:
        identities, cameras: (n,) of images; negative cameras are unknown, and count as one.
    """
    pairs = np.unique(np.stack([identities, np.maximum(cameras, -1)]), axis=1)
    people, number = np.unique(pairs[0], return_counts=True)
    order = np.lexsort((rng.permutation(len(people)), -number))
    return np.sort(people[order[:count]])


def spread_over_cameras(cameras: np.ndarray, most: int) -> np.ndarray:
    """Positions of at most so many images, as equally from all cameras as possible, in rising order."""
    order = np.argsort(cameras, kind="stable")
    _, first, number = np.unique(cameras[order], return_index=True, return_counts=True)
    turn = np.arange(len(order)) - np.repeat(first, number)
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])
