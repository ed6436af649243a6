"""Do 95 % intervals hold the truth 95 times in 100? Simulated federations whose true difference is known."""

from __future__ import annotations

import numpy as np
import pytest

from fedreid.comparison.bootstrap import resampled_means, shared_variance
from fedreid.comparison.statistics import paired

TRUTH, PEOPLE, QUERIES, TRIALS = 1.0, 40, 4, 300


def differences(rng: np.random.Generator, seeds: int, of_seed: float, of_person: float) -> np.ndarray:
    """(people, queries, seeds): what a seed changes, whom one asks, both together, and each query's own noise."""
    of_both = rng.normal(0, 2, (PEOPLE, 1, seeds))
    people = rng.normal(0, of_person, (PEOPLE, 1, 1))
    return TRUTH + rng.normal(0, of_seed, seeds) + people + of_both + rng.normal(0, 3, (PEOPLE, QUERIES, seeds))


def coverage(seeds: int, of_seed: float, of_person: float) -> dict[str, float]:
    """Share of the trials whose interval holds the truth: as here, over seeds alone, and by percentiles of seeds and
    people both drawn with replacement."""
    rng = np.random.default_rng([seeds, TRIALS])
    hits = dict.fromkeys(("here", "seeds", "percentiles"), 0)
    zeros = dict.fromkeys(range(seeds), 0.0)
    for _ in range(TRIALS):
        drawn = differences(rng, seeds, of_seed, of_person)
        scores = dict(enumerate(drawn.mean(axis=(0, 1))))
        means = resampled_means(drawn.sum(axis=1), np.full(PEOPLE, 1.0 * QUERIES), replicates=200, rng=rng)
        intervals = {
            "here": paired(scores, zeros, shared=shared_variance(means, PEOPLE), units=PEOPLE),
            "seeds": paired(scores, zeros),
        }
        for name, found in intervals.items():
            assert found is not None
            hits[name] += found.low <= TRUTH <= found.high
        chosen = rng.integers(seeds, size=(200, seeds))
        low, high = np.quantile(np.take_along_axis(means, chosen, axis=1).mean(axis=1), [0.025, 0.975])
        hits["percentiles"] += low <= TRUTH <= high
    return {name: hit / TRIALS for name, hit in hits.items()}


@pytest.mark.parametrize(
    ("seeds", "of_seed", "of_person"), [(3, 0.0, 2.0), (3, 2.0, 0.5), (5, 0.5, 3.0), (10, 0.0, 3.0)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(seeds: int, of_seed: float, of_person: float) -> None:
    """300 trials at 95 %: a standard error of 1.3 points."""
    assert 0.91 <= coverage(seeds, of_seed, of_person)["here"] <= 0.99


def test_a_t_test_over_seeds_is_too_sure_where_all_seeds_ask_the_same_people() -> None:
    assert coverage(10, 0.0, 3.0)["seeds"] < 0.75


def test_percentiles_of_three_seeds_are_too_narrow() -> None:
    assert coverage(3, 2.0, 0.5)["percentiles"] < 0.9
