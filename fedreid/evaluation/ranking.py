"""Ranking quality without ranked lists: CMC, mAP and mINP from the ranks of true matches alone.

Zheng et al., Scalable person re-identification: a benchmark, ICCV 2015 (CMC, mAP, and which gallery images are left
out); Ye et al., Deep learning for person re-identification: a survey and outlook, TPAMI 2021 (mINP).

The rank of a true match is one more than the number of gallery images that score higher, so rows are compared and
counted, never sorted, and only a chunk of the query x gallery matrix exists at a time. That chunk comes from a float32
matrix product, whose last bits depend on its shape, on the library and on the number of threads. They decide nothing:
scores that are closer than rounding can account for are computed again in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from fedreid.data.query_scores import NOBODY, QueryScores
from fedreid.evaluation.cosines import Cosines
from fedreid.evaluation.match_ranks import Labels, match_ranks

MOST_QUERIES, MOST_SCORES = 256, 2**25  # at once: enough for the matrix product's speed; 128 MB for each thread


@dataclass(frozen=True)
class Ranking:
    """Scores over the queries that have a match in the gallery; nan where no query has one.

    Attributes:
        mAP: mean over queries of the average precision: the mean of the precisions at the true matches.
        mINP: mean over queries of (number of matches) / (rank of the last one).
        cmc: for each rank k, the share of queries with a match among the first k.
        queries: how many were scored.
        skipped: how many have no match in the gallery.
        each: the scores of every query.
    """

    mAP: float
    mINP: float
    cmc: dict[int, float]
    queries: int
    skipped: int
    each: QueryScores = field(default=NOBODY, compare=False, repr=False)


def rank(
    query_features: np.ndarray | Tensor,
    query_ids: np.ndarray | Tensor,
    query_cameras: np.ndarray | Tensor,
    gallery_features: np.ndarray | Tensor,
    gallery_ids: np.ndarray | Tensor,
    gallery_cameras: np.ndarray | Tensor,
    *,
    ranks: Sequence[int] = (1, 5, 10),
) -> Ranking:
    """Search every query in the gallery by cosine similarity, and say how high its true matches come.

    Gallery images of the query's identity and camera are left out. Equal scores (cosines in float64, to 2^-40) are
    ranked in the order of the gallery.

    Args:
        query_features, gallery_features: (n, dim) of any floating type and length; normalised here.
        query_ids, gallery_ids: (n,) integers. A distractor is a gallery image with an identity that no query has.
        query_cameras, gallery_cameras: (n,) integers.
        ranks: where to read the CMC curve.

    Raises:
        ValueError: shapes that don't agree, features that aren't finite, or a rank below 1.

    Example:
        >>> found = rank([[1.0, 0.0]], [7], [0], [[1.0, 1.0], [1.0, 0.1]], [7, 8], [1, 1])
        >>> found.mAP, found.cmc[1], found.cmc[5]
        (0.5, 0.0, 1.0)
    """
    return rank_in_chunks(
        Cosines(*_features(query_features, gallery_features)),
        _labels("query", len(query_features), query_ids, query_cameras),
        _labels("gallery", len(gallery_features), gallery_ids, gallery_cameras),
        ranks=ranks,
        chunk=max(1, min(MOST_QUERIES, MOST_SCORES // len(gallery_features))),
        threads=torch.get_num_threads(),
    )


def rank_in_chunks(
    cosines: Cosines, queries: Labels, gallery: Labels, *, ranks: Sequence[int], chunk: int, threads: int = 1
) -> Ranking:
    """`rank` with a choice of queries at once and of threads: neither changes the result."""
    if any(k < 1 for k in ranks):
        raise ValueError(f"ranks count from 1, found {min(ranks)}")
    query, found = match_ranks(cosines, queries, gallery, chunk=chunk, threads=threads)
    scored = len(np.unique(query))
    skipped = len(queries.ids) - scored
    ap, inp = np.full((2, len(queries.ids)), np.nan)
    each = QueryScores(ap, inp, np.zeros(len(queries.ids), np.int64))
    if not scored:
        return Ranking(np.nan, np.nan, dict.fromkeys(ranks, np.nan), 0, skipped, each)
    order = np.lexsort((found, query))
    query, found = query[order], found[order]
    first = np.flatnonzero(np.diff(query, prepend=-1))  # each query's best match
    matches = np.diff(first, append=len(query))
    place = np.arange(len(query)) - np.repeat(first, matches) + 1  # 1, 2, ... among the query's matches
    precisions = np.add.reduceat(place / found, first) / matches
    penalties = matches / found[first + matches - 1]
    for kept, values in ((each.ap, precisions), (each.inp, penalties), (each.rank, found[first])):
        kept[query[first]] = values
    return Ranking(
        mAP=float(precisions.mean()),
        mINP=float(penalties.mean()),
        cmc={k: float((found[first] <= k).mean()) for k in ranks},
        queries=scored,
        skipped=skipped,
        each=each,
    )


def _features(*sides: np.ndarray | Tensor) -> list[np.ndarray]:
    """Both sides as (n, dim) arrays, float64 where that is what came, else float32."""
    arrays = []
    for name, side in zip(("query", "gallery"), sides, strict=True):
        if isinstance(side, Tensor):
            side = side.detach().to("cpu", torch.float64 if side.dtype == torch.float64 else torch.float32).numpy()
        array = np.asarray(side)
        if array.ndim != 2 or not array.size:
            raise ValueError(f"{name} features must be (n, dim) with at least one value, found shape {array.shape}")
        arrays.append(array.astype(np.float32 if array.dtype.itemsize <= 4 else np.float64, copy=False))
    if arrays[0].shape[1] != arrays[1].shape[1]:
        raise ValueError(f"query features have {arrays[0].shape[1]} dimensions, gallery features {arrays[1].shape[1]}")
    return arrays


def _labels(name: str, expected: int, *columns: np.ndarray | Tensor) -> Labels:
    """Identities and cameras as (n,) integers."""
    found = []
    for what, values in zip(("ids", "cameras"), columns, strict=True):
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
        if array.shape != (expected,) or array.dtype.kind not in "iu":
            raise ValueError(
                f"{name} {what} must be {expected} integers, one for each feature; "
                f"found {array.dtype} of shape {array.shape}"
            )
        found.append(array.astype(np.int64))
    return Labels(*found)
