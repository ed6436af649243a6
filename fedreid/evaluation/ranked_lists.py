"""What single queries find: which ones to show, and the gallery images that come first."""

from __future__ import annotations

import numpy as np

from fedreid.evaluation.cosines import RESOLUTION, Cosines
from fedreid.evaluation.match_ranks import Labels


def random_queries(identities: np.ndarray, has_match: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """(at most count,) queries drawn at random among those with a match, of as many people as possible.

    They don't depend on any model, so that models of equal test sets can be looked at side by side.

    Args:
        identities: (queries,).
        has_match: (queries,) bool; the others have no right answer.
    """
    drawn = rng.permutation(np.flatnonzero(has_match))
    _, person = np.unique(identities[drawn], return_inverse=True)
    order = np.argsort(person, kind="stable")  # person by person, each one's queries as they were drawn
    first = np.searchsorted(person[order], person[order])
    turn = np.empty(len(drawn), np.int64)
    turn[order] = np.arange(len(drawn)) - first
    return drawn[np.argsort(turn, kind="stable")[:count]]


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
