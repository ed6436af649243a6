"""Verification (1:1): how many genuine pairs are accepted when few impostor pairs may be.

Exact: the threshold is one of the impostor scores, with neither a histogram nor an interpolated curve in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from fedreid.evaluation.rates import Rates, allowed_errors, checked_rates, in_shape

Scores = np.ndarray | Tensor | Sequence[float]


@dataclass(frozen=True)
class Verification:
    """What a set of pairs gives at each false-accept rate; all shares between 0 and 1.

    Attributes:
        tar: by rate, the share of genuine pairs that are accepted.
        threshold: by rate, the score that a pair has to exceed.
        realised: by rate, the share of impostor pairs that are accepted: the rate or, with ties, less.
        genuine: number of genuine pairs.
        impostors: number of impostor pairs.
    """

    tar: dict[float, float]
    threshold: dict[float, float]
    realised: dict[float, float]
    genuine: int
    impostors: int


def verify(genuine: Scores, impostor: Scores, far: Rates) -> float | np.ndarray:
    """True-accept rate at one or several false-accept rates: a float for a number, an array for anything else.

    `verify_scores` says more. Raises as it does.

    Example:
        >>> verify([0.9, 0.4], [0.5, 0.3, 0.2, 0.1], 0.25)
        1.0
        >>> verify([0.9, 0.4], [0.5, 0.3, 0.2, 0.1], [0, 0.25])
        array([0.5, 1. ])
    """
    return in_shape(verify_scores(genuine, impostor, far).tar, checked_rates(far, "far"))


def verify_scores(genuine: Scores, impostor: Scores, far: Rates) -> Verification:
    """Accept what scores higher than the (k + 1)-th best impostor, k = floor(far * impostors).

    So k impostors are accepted at most; where k is all of them, everything is accepted.

    Args:
        genuine: scores of pairs of one identity, of any shape; higher is more alike.
        impostor: scores of pairs of two identities.
        far: false-accept rates, between 0 and 1.

    Raises:
        ValueError: no genuine or no impostor scores, a score that is nan, or a rate that isn't between 0 and 1.
    """
    genuine, impostor = checked_scores(genuine, "genuine"), checked_scores(impostor, "impostor")
    rates = checked_rates(far, "far").ravel().tolist()
    threshold = thresholds(impostor, rates)
    return Verification(
        tar={rate: share_above(genuine, threshold[rate]) for rate in rates},
        threshold=threshold,
        realised={rate: share_above(impostor, threshold[rate]) for rate in rates},
        genuine=len(genuine),
        impostors=len(impostor),
    )


def thresholds(scores: np.ndarray, rates: Sequence[float]) -> dict[float, float]:
    """By rate, the score (n,) that at most `rate` of the scores exceed; -inf where all of them may."""
    places = {rate: len(scores) - 1 - allowed_errors(rate, len(scores)) for rate in rates}  # in rising order
    ordered = np.partition(scores, [place for place in places.values() if place >= 0] or [0])
    return {rate: float(ordered[place]) if place >= 0 else -np.inf for rate, place in places.items()}


def share_above(scores: np.ndarray, threshold: float) -> float:
    """Share of scores (n,) above a threshold."""
    return float(np.count_nonzero(scores > threshold) / len(scores))


def checked_scores(scores: Scores, name: str) -> np.ndarray:
    """(n,) float64, in which scores of different floating types compare as they should.

    Raises:
        ValueError: no scores, or one that is nan.
    """
    if isinstance(scores, Tensor):
        scores = scores.detach().cpu().double().numpy()
    checked = np.asarray(scores, dtype=np.float64).ravel()
    if not len(checked):
        raise ValueError(f"expected at least one {name} score, found none")
    if np.isnan(checked).any():
        raise ValueError(f"{name} scores hold nan at position {int(np.argmax(np.isnan(checked)))}")
    return checked
