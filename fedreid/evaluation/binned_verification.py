"""TAR@FAR as FedFR's published code computes it: from a histogram of scores, interpolated; for comparison only.

The exact way is `verify_embeddings`. The two differ most at the lowest rates, where a bin of 0.001 holds many impostors
(section 6.3, deviation D17).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedreid.evaluation.pair_scores import TILE, Region
from fedreid.evaluation.pairs import PairSet

BINS = 2000  # of 0.001, from -1 to 1


def binned_tar(pairs: PairSet, rates: Sequence[float]) -> dict[float, float]:
    """TAR by rate, linear between the points of a ROC curve with a point for each bin.

    Raises:
        ValueError: no genuine or no impostor pairs.
    """
    if not pairs.genuine or not pairs.impostors:
        raise ValueError(f"verification needs pairs, found {pairs.genuine} genuine and {pairs.impostors} impostor ones")
    genuine = histogram(pairs.among, is_genuine=True)
    impostors = sum((histogram(region, is_genuine=False) for region in pairs.impostors_in), np.zeros(BINS, np.int64))
    # From the highest bin down, the share of each kind that is accepted; nothing is, above all bins.
    far, tar = (np.concatenate([[0], counts[::-1].cumsum() / counts.sum()]) for counts in (impostors, genuine))
    return {rate: float(np.interp(rate, far, tar)) for rate in rates}


def histogram(region: Region, *, is_genuine: bool) -> np.ndarray:
    """(BINS,) int64: the pairs of one kind by their score, in float32."""
    counts, space = np.zeros(BINS, np.int64), np.empty(TILE[0] * TILE[1], np.float32)
    for rows, columns, scores in region.scores(TILE, space):
        grid = np.ogrid[rows, columns]
        chosen = region.is_impostor(*grid)
        if is_genuine:
            same = region.left.ids[grid[0]] == region.right.ids[grid[1]]
            chosen = same & region.is_genuine(*grid)
        counts += np.histogram(scores[chosen].clip(-1, 1), bins=BINS, range=(-1, 1))[0]
    return counts
