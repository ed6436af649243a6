"""Verification of listed pairs: accuracy over folds, and TAR@FAR, from the embeddings of what is compared.

Lists name each pair, where elsewhere every image is compared with every other: IJB-C has 15.6 million pairs of 23,124
templates. Scores are computed some pairs at a time, exactly, and kept as one number for each pair: 125 MB for IJB-C.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedreid.evaluation.cosines import RESOLUTION
from fedreid.evaluation.pair_scores import Features, Side
from fedreid.evaluation.rates import rate_name, resolvable
from fedreid.evaluation.verification import verify_scores

PAIRS_AT_ONCE = 256  # of 512 dimensions fit into a core's cache, at which one takes 10 to 20 seconds for IJB-C


def listed_scores(features: Features, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(pairs,) float64 cosines, whole multiples of 2^-40.

    Args:
        features: (n, dim), of any length.
        first, second: (pairs,) rows of `features`.

    Raises:
        ValueError: features that aren't (n, dim) or not finite, or pairs that don't fit together or to them.
    """
    side = Side.of("compared", features, np.arange(len(features)))
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"expected as many first as second places, found shapes {first.shape} and {second.shape}")
    if len(first) and not 0 <= min(first.min(), second.min()) <= max(first.max(), second.max()) < len(side):
        raise ValueError(f"expected places 0 to {len(side) - 1}, found others among the pairs")
    unit, scores = side.unit_float64(slice(None)), np.empty(len(first))
    for start in range(0, len(first), PAIRS_AT_ONCE):
        pairs = slice(start, start + PAIRS_AT_ONCE)
        scores[pairs] = np.einsum("pd,pd->p", unit[first[pairs]], unit[second[pairs]])
    return np.rint(scores * RESOLUTION) / RESOLUTION


def fold_accuracy(scores: np.ndarray, genuine: np.ndarray, fold: np.ndarray) -> float:
    """Share of pairs that are judged rightly, mean over folds: each fold by the threshold that suits the others best.

    Huang et al., Labeled Faces in the Wild, UMass technical report 07-49, 2007.

    Args:
        scores: (pairs,) higher is more alike.
        genuine: (pairs,) bool.
        fold: (pairs,) integers.

    Raises:
        ValueError: fewer than two folds, or shapes that don't agree.
    """
    if not scores.shape == genuine.shape == fold.shape or scores.ndim != 1:
        raise ValueError(f"expected one shape (pairs,), found {scores.shape}, {genuine.shape} and {fold.shape}")
    folds = np.unique(fold)
    if len(folds) < 2:
        raise ValueError(f"expected at least two folds, one for the threshold and one to be judged; found {len(folds)}")
    right = []
    for number in folds:
        others, judged = fold != number, fold == number
        accepted = scores[judged] > best_threshold(scores[others], genuine[others])
        right.append(float(np.mean(accepted == genuine[judged])))
    return float(np.mean(right))


def best_threshold(scores: np.ndarray, genuine: np.ndarray) -> float:
    """The score above which a pair is best taken for one person.

    It lies midway between two neighbouring scores; of several that are equally right, it is the highest. Infinite where
    it is best to accept nothing, or everything.

    Args:
        scores: (n,), n at least 1.
        genuine: (n,) bool.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    # How many are judged rightly when the best 0, 1, ..., n are accepted: a genuine one gains, an impostor loses one.
    right = np.concatenate([[0], np.cumsum(np.where(genuine[order], 1, -1))]) + np.count_nonzero(~genuine)
    splits = np.concatenate([[True], falling[1:] < falling[:-1], [True]])  # equal scores can't be told apart
    best = int(np.argmax(np.where(splits, right, -1)))
    if best in (0, len(scores)):
        return np.inf if best == 0 else -np.inf
    return float((falling[best - 1] + falling[best]) / 2)


def listed_verification(scores: np.ndarray, genuine: np.ndarray, rates: Sequence[float]) -> dict[str, float]:
    """Metrics "TAR@FAR=1e-4" and so on in percent; "genuine_pairs" and "impostor_pairs" as counts.

    Only the rates that allow one of the impostors at least; none where there are no genuine or no impostor pairs.
    """
    alike, others = scores[genuine], scores[~genuine]
    counts = {"genuine_pairs": len(alike), "impostor_pairs": len(others)}
    chosen = resolvable(rates, len(others))
    if not chosen or not len(alike):
        return dict(counts)
    found = verify_scores(alike, others, chosen).tar
    return {**{f"TAR@FAR={rate_name(rate)}": 100 * share for rate, share in found.items()}, **counts}
