"""What the choice of people (or clients) contributes to the error of a difference, by resampling them.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993. All runs are resampled jointly, so that differences stay
paired; and a person with all its queries at once, because queries of one person are alike (the same clothes, the same
gallery images): chapter 8.6, and Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8.

Seeds are not resampled. For a mean the bootstrap has a closed form, sd^2 / n (chapter 5), and percentiles of three
seeds would be far too narrow: they never leave the three, and 2/3 of their variance is left. Student's t with the
whole variance is right there, see `fedreid.comparison.statistics.paired`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 2**24  # counts at once: 128 MB


def resampled_counts(units: int, replicates: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each unit is drawn when as many as there are are drawn with replacement: blocks (replicates, units)."""
    at_once = max(1, BLOCK // max(units, 1))
    for start in range(0, replicates, at_once):
        number = min(at_once, replicates - start)
        drawn = rng.integers(units, size=(number, units)) + units * np.arange(number)[:, None]
        yield np.bincount(drawn.ravel(), minlength=number * units).reshape(number, units).astype(float)


def resampled_means(
    totals: np.ndarray, weights: np.ndarray, *, replicates: int, rng: np.random.Generator
) -> np.ndarray:
    """Weighted means of many columns over resampled units, the same units for all columns.

    Args:
        totals: (units, columns), for each unit the weighted sum of its values.
        weights: (units,) sum of the weights.

    Returns:
        (replicates, columns).
    """
    blocks = [
        (counts @ totals) / (counts @ weights)[:, None] for counts in resampled_counts(len(weights), replicates, rng)
    ]
    return np.concatenate(blocks)


def shared_variance(means: np.ndarray, units: int) -> float:
    """Variance that the choice of units gives to the mean over seeds, beyond what differs from seed to seed.

    Each seed's difference has the variance that all seeds share and one of its own (seed and person together), which
    the spread over seeds already contains. The first is the mean covariance between seeds; below 0 it is taken for 0.

    Args:
        means: (replicates, seeds) resampled differences.
        units: their number: with few, the bootstrap's variance is too small by (units - 1) / units.
    """
    seeds = means.shape[1]
    if seeds < 2 or units < 2:
        return 0.0
    covariance = np.cov(means, rowvar=False)
    between = (covariance.sum() - np.trace(covariance)) / (seeds * (seeds - 1))
    return max(float(between), 0.0) * units / (units - 1)
