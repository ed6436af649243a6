"""Open-set identification from embeddings, some probes at a time.

A gallery has one vector for each identity, so scores are cheap: all are computed in float64, and rounded to 2^-40,
which makes them independent of how many are computed at once.
"""

from __future__ import annotations

import numpy as np

from fedreid.evaluation.cosines import RESOLUTION
from fedreid.evaluation.identification import Identification, Mode, ProbeScores, at_rates, checked_mode, split_own
from fedreid.evaluation.pair_scores import Side
from fedreid.evaluation.probes import ProbeSet
from fedreid.evaluation.rates import Rates

AT_ONCE = 2**21  # scores: 16 MB, and a few times as much in the pooled mode


def identify_embeddings(
    probes: ProbeSet, fpir: Rates, *, mode: Mode = "standard", at_once: int = AT_ONCE
) -> Identification:
    """`identify_scores` of all probes by cosine similarity.

    Memory beyond the features: 8 bytes for each probe, twice that for the pooled mode, and some 64 MB.

    Args:
        fpir: false-positive identification rates, between 0 and 1.
        mode: see `identify_scores`.
        at_once: scores that are computed at once; changes no result.

    Raises:
        ValueError: an empty gallery, no mated or no non-mated probes, a rate that isn't between 0 and 1, or an
            unknown mode.
    """
    checked_mode(mode)
    for count, kind in (
        (len(probes.gallery), "identity in the gallery"),
        (len(probes.mated), "mated probe"),
        (probes.strangers, "non-mated probe"),
    ):
        if not count:
            raise ValueError(f"expected at least one {kind}, found none")
    return at_rates(probe_scores(probes, mode, at_once), fpir, mode)


def probe_scores(probes: ProbeSet, mode: Mode, at_once: int) -> ProbeScores:
    """The scores that count, from all of them, some probes at a time."""
    step = max(1, at_once // len(probes.gallery))
    pool_size = len(probes.mated) + probes.strangers if mode == "pooled" else 0
    pool = np.zeros(0)

    def searched(part: Side, start: int) -> np.ndarray:
        scores = part.unit_float64(slice(start, start + step)) @ probes.gallery.T
        return np.rint(scores * RESOLUTION) / RESOLUTION

    own, others, strangers = [], [], []
    for start in range(0, len(probes.mated), step):
        of_own, wrong = split_own(searched(probes.mated, start), probes.mated_labels[start : start + step])
        own.append(of_own)
        others.append(wrong.max(axis=1))
        pool = _highest(pool, wrong[np.isfinite(wrong)], pool_size)
    for part in probes.non_mated:
        for start in range(0, len(part), step):
            scores = searched(part, start)
            strangers.append(scores.max(axis=1))
            pool = _highest(pool, scores.ravel(), pool_size)
    return ProbeScores(np.concatenate(own), np.concatenate(others), np.concatenate(strangers), pool)


def _highest(pool: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
    """The `size` highest of both, in no order."""
    if not size:
        return pool
    both = np.concatenate([pool, scores])
    return both if len(both) <= size else np.partition(both, len(both) - size)[-size:]
