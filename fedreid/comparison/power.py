"""How many seeds it would take to tell."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import nctdtr, stdtrit

from fedreid.comparison.statistics import PairedDifference, standard_error

MOST_SEEDS = 1000  # beyond it, "no number of seeds" is the plainer answer
STEPS = np.unique(np.geomspace(2, MOST_SEEDS, 60).round().astype(int))
FAR = 30.0  # standard errors beyond the critical value: certain, and hard on the series of the distribution


def seeds_needed(found: PairedDifference, *, alpha: float, units: int = 0, power: float = 0.8) -> float:
    """The smallest number of seeds with which a difference like the observed one would be found.

    The observed difference and spread are taken for the true ones, so this is a rough guide and no promise.

    Args:
        alpha: level of one comparison, corrected for the number of all.
        units: people or clients that the shared variance was estimated from.
        power: probability of finding it.

    Returns:
        nan where nothing is known of the spread (or nothing differs), inf where even `MOST_SEEDS` wouldn't do.
    """
    if math.isnan(found.error) or found.error == 0 or found.mean == 0:
        return math.nan

    def suffices(seeds: np.ndarray) -> np.ndarray:
        return power_with(found, seeds, alpha=alpha, units=units) >= power

    steps = suffices(STEPS)  # with few clients, power may fall again: so no bisection
    if not steps.any():
        return math.inf
    step = int(steps.argmax())
    between = np.arange(STEPS[step - 1] + 1 if step else STEPS[0], STEPS[step] + 1)
    return float(between[suffices(between).argmax()])


def power_with(found: PairedDifference, seeds: np.ndarray, *, alpha: float, units: int = 0) -> np.ndarray:
    """Probability that a test with so many seeds finds the observed difference.

    That of the two-sided t-test, by the noncentral t distribution (Cohen, Statistical Power Analysis for the
    Behavioral Sciences, 1988). Its noncentrality is the difference over the standard error with so many seeds, in
    which the shared part of the variance stays what it is.
    """
    error, freedom = standard_error(found.sd, seeds, found.shared, units)
    critical = stdtrit(freedom, 1 - alpha / 2)
    away = np.minimum(abs(found.mean) / error, critical + FAR)
    return np.clip(1 - nctdtr(freedom, away, critical) + nctdtr(freedom, away, -critical), 0, 1)
