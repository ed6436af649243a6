"""Open-set identification (1:N): how many registered people are found when few strangers may be taken for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from torch import Tensor

from fedreid.evaluation.rates import ROUNDING, Rates, checked_rates, in_shape
from fedreid.evaluation.verification import Scores, checked_scores, share_above, thresholds

Mode = Literal["standard", "pooled"]


@dataclass(frozen=True)
class Identification:
    """What a gallery and its probes give at each false-identification rate; all shares between 0 and 1.

    Attributes:
        tpir: by rate, the share of mated probes that are identified.
        threshold: by rate, the score that a gallery entry has to exceed.
        realised: by rate, the share of non-mated probes for which some entry exceeds the threshold.
        mated: number of probes whose identity is in the gallery.
        non_mated: number of the other probes.
    """

    tpir: dict[float, float]
    threshold: dict[float, float]
    realised: dict[float, float]
    mated: int
    non_mated: int


@dataclass(frozen=True)
class ProbeScores:
    """All that identification needs of the scores between probes and gallery.

    Attributes:
        own: (mated,) score of each mated probe with its own identity.
        others: (mated,) its highest score with another identity; -inf where there is none.
        strangers: (non_mated,) highest score of each non-mated probe.
        pool: the highest of all scores between different identities, in no order, as many as there are probes (or
            all of them); empty in the standard mode, which doesn't ask for them.
    """

    own: np.ndarray
    others: np.ndarray
    strangers: np.ndarray
    pool: np.ndarray


def identify(
    mated_scores: Scores,
    mated_labels: np.ndarray | Tensor | Sequence[int],
    non_mated_scores: Scores,
    fpir: Rates,
    *,
    mode: Mode = "standard",
) -> float | np.ndarray:
    """True-positive identification rate at one or several false-positive identification rates.

    A float for a number, an array for anything else. `identify_scores` says more. Raises as it does.

    Example:
        >>> identify([[0.8, 0.2], [0.6, 0.5]], [0, 1], [[0.3, 0.1]], 0.0)
        0.5
    """
    found = identify_scores(mated_scores, mated_labels, non_mated_scores, fpir, mode=mode)
    return in_shape(found.tpir, checked_rates(fpir, "fpir"))


def identify_scores(
    mated_scores: Scores,
    mated_labels: np.ndarray | Tensor | Sequence[int],
    non_mated_scores: Scores,
    fpir: Rates,
    *,
    mode: Mode = "standard",
) -> Identification:
    """Identify a mated probe if its own identity scores higher than the threshold, and than every other identity.

    A tie at the top is no identification: which of the two comes first would be chance.

    Args:
        mated_scores: (mated, gallery) scores of probes whose identity is in the gallery; higher is more alike.
        mated_labels: (mated,) column of each one's own identity.
        non_mated_scores: (non_mated, gallery) scores of the other probes.
        fpir: false-positive identification rates, between 0 and 1.
        mode: "standard" takes the (k + 1)-th best of the non-mated probes' highest scores as threshold,
            k = floor(fpir * non_mated). "pooled" is the variant that FedFR was published with: the k-th best of all
            scores between different identities, k = ceil(fpir * probes) but 1 at least, and the own identity needn't
            come first.

    Raises:
        ValueError: no mated or no non-mated probes, shapes that don't agree, a label that is no column, a score that
            is nan, a rate that isn't between 0 and 1, or an unknown mode.
    """
    checked_mode(mode)
    mated, strangers = _table(mated_scores, "mated"), _table(non_mated_scores, "non-mated")
    if mated.shape[1] != strangers.shape[1]:
        raise ValueError(f"mated scores are for a gallery of {mated.shape[1]}, non-mated ones of {strangers.shape[1]}")
    labels = checked_labels(mated_labels, *mated.shape)
    own, wrong = split_own(mated, labels)
    pool = np.concatenate([wrong[np.isfinite(wrong)], strangers.ravel()]) if mode == "pooled" else np.zeros(0)
    return at_rates(ProbeScores(own, wrong.max(axis=1), strangers.max(axis=1), pool), fpir, mode)


def split_own(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, gallery) scores of mated probes -> those with their own identity (n,); all, with -inf in its place."""
    rows = np.arange(len(scores))
    own, wrong = scores[rows, labels], scores.copy()
    wrong[rows, labels] = -np.inf
    return own, wrong


def at_rates(scores: ProbeScores, fpir: Rates, mode: Mode) -> Identification:
    """`identify_scores` for scores that were reduced to what matters."""
    rates = checked_rates(fpir, "fpir").ravel().tolist()
    if mode == "standard":
        threshold = thresholds(scores.strangers, rates)
        candidates = np.where(scores.own > scores.others, scores.own, -np.inf)
    else:
        threshold = pooled_thresholds(scores, rates)
        candidates = scores.own
    return Identification(
        tpir={rate: share_above(candidates, threshold[rate]) for rate in rates},
        threshold=threshold,
        realised={rate: share_above(scores.strangers, threshold[rate]) for rate in rates},
        mated=len(scores.own),
        non_mated=len(scores.strangers),
    )


def pooled_thresholds(scores: ProbeScores, rates: Sequence[float]) -> dict[float, float]:
    """By rate, the k-th best of the pool; -inf where the pool is smaller."""
    probes = len(scores.own) + len(scores.strangers)
    best_first = np.sort(scores.pool)[::-1]
    places = {rate: max(1, int(np.ceil(rate * probes - ROUNDING))) - 1 for rate in rates}
    return {rate: float(best_first[place]) if place < len(best_first) else -np.inf for rate, place in places.items()}


def checked_mode(mode: str) -> None:
    """Raises ValueError: no such mode."""
    if mode not in get_args(Mode):
        raise ValueError(f"mode must be one of {', '.join(get_args(Mode))}; found {mode!r}")


def checked_labels(labels: np.ndarray | Tensor | Sequence[int], probes: int, gallery: int) -> np.ndarray:
    """(probes,) int64 columns of the gallery.

    Raises:
        ValueError: another shape or type, or a label that is no column.
    """
    array = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if array.shape != (probes,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"mated labels must be {probes} integers, one for each probe; found {array.dtype} of shape {array.shape}"
        )
    if array.min() < 0 or array.max() >= gallery:
        wrong = array[(array < 0) | (array >= gallery)][0]
        raise ValueError(f"mated labels must be 0 to {gallery - 1}, columns of the gallery; found {wrong}")
    return array.astype(np.int64)


def _table(scores: Scores, name: str) -> np.ndarray:
    """(probes, gallery) float64."""
    shape = tuple(np.shape(scores))
    if len(shape) != 2:
        raise ValueError(f"{name} scores must be (probes, gallery), found shape {shape}")
    return checked_scores(scores, name).reshape(shape)
