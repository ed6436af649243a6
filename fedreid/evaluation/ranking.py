"""Ranking quality without ranked lists: CMC, mAP and mINP from the ranks of true matches alone.

Zheng et al., Scalable person re-identification: a benchmark, ICCV 2015 (CMC and mAP; which gallery images are left
out); Ye et al., Deep learning for person re-identification: a survey and outlook, TPAMI 2021 (mINP).

The rank of a true match is one more than the number of gallery images that score higher, so rows are compared and
counted, never sorted, and only a chunk of the query x gallery matrix exists at a time. That chunk comes from a float32
matrix product, whose last bits depend on its shape, on the library and on the number of threads. They decide nothing:
pairs of scores that are closer than rounding can account for are compared again in float64 (`fedreid.evaluation.exact`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from fedreid.evaluation.exact import Cosines, Doubt, resolve

CHUNK = 128  # queries at once: enough for the matrix product's speed, and the scores stay in the processor's cache
MATCHES_AT_ONCE = 16  # compared with a row of scores in one go: bounds memory at 32 bytes for each gallery image
Array = np.ndarray | Tensor


@dataclass(frozen=True)
class Ranking:
    """Scores over the queries that have a match in the gallery; all nan where none has one.

    Attributes:
        mAP: mean over queries of the average precision, which is the mean of the precisions at the true matches.
        mINP: mean over queries of (number of matches) / (rank of the last one).
        cmc: for each rank k, the share of queries with a match among the first k.
        queries: how many were scored.
        skipped: how many have no match in the gallery.
    """

    mAP: float  # noqa: N815  (the field's spelling)
    mINP: float  # noqa: N815
    cmc: dict[int, float]
    queries: int
    skipped: int


@dataclass(frozen=True)
class Side:
    """Queries or gallery: (n, dim) features of length one, and what is known about each image."""

    features: np.ndarray
    ids: np.ndarray
    cameras: np.ndarray


def rank(
    query_features: Array,
    query_ids: Array,
    query_cameras: Array,
    gallery_features: Array,
    gallery_ids: Array,
    gallery_cameras: Array,
    *,
    ranks: Sequence[int] = (1, 5, 10),
) -> Ranking:
    """Search every query in the gallery by cosine similarity and say how high its true matches come.

    Gallery images of the query's identity and camera are left out. Images with equal scores are ranked in the order of
    the gallery. Scores are cosines in float64, compared at a resolution of 2^-40.

    Args:
        query_features, gallery_features: (n, dim) of any floating type; normalised here.
        query_ids, gallery_ids, query_cameras, gallery_cameras: (n,) integers.
        ranks: where to read the CMC curve.

    Raises:
        ValueError: shapes that don't agree, features that aren't finite, or a rank below 1.
    """
    return rank_in_chunks(
        Cosines(_features(query_features, "query"), _features(gallery_features, "gallery")),
        tuple(_numbers(values, len(query_features), "query") for values in (query_ids, query_cameras)),
        tuple(_numbers(values, len(gallery_features), "gallery") for values in (gallery_ids, gallery_cameras)),
    )
