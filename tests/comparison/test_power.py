"""How many seeds it would take: printed sample sizes, simulation, and what seeds can't change."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fedreid.comparison.power import MOST_SEEDS, power_with, seeds_needed
from fedreid.comparison.statistics import PairedDifference, paired


def with_effect(size: float, shared: float = 0.0) -> PairedDifference:
    """Three seeds whose differences have mean `size` and standard deviation 1."""
    found = paired({0: size - 1, 1: size, 2: size + 1}, dict.fromkeys(range(3), 0.0), shared=shared, units=100)
    assert found is not None
    return found


# Sample sizes of a two-sided paired t-test at 5 % with power 0.8, as power tables print them.
@pytest.mark.parametrize(("size", "n"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_seeds_are_those_of_the_tables(size: float, n: int) -> None:
    assert seeds_needed(with_effect(size), alpha=0.05) == n
    assert seeds_needed(with_effect(-size), alpha=0.05) == n


def test_power_is_what_simulated_tests_reach() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.normal(0.9, 1.0, (20_000, 8))
    t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(8))
    share = (np.abs(t) > stats.t.ppf(0.975, 7)).mean()
    assert power_with(with_effect(0.9), np.array([8]), alpha=0.05)[0] == pytest.approx(share, abs=0.01)


def test_a_stricter_level_takes_more_seeds() -> None:
    assert seeds_needed(with_effect(1.0), alpha=0.05 / 8) > seeds_needed(with_effect(1.0), alpha=0.05)


def test_no_number_of_seeds_makes_up_for_a_small_test_set() -> None:
    """A shared standard error of 1 leaves a difference of 1 at one standard error: power is about 17 %, at most."""
    found = with_effect(1.0, shared=1.0)
    assert seeds_needed(found, alpha=0.05, units=100) == math.inf
    most = power_with(found, np.array([MOST_SEEDS]), alpha=0.05, units=100)[0]
    assert most == pytest.approx(stats.norm.sf(0.96) + stats.norm.cdf(-2.96), abs=0.01)


def test_with_some_shared_variance_more_seeds_are_needed_and_enough_is_enough() -> None:
    alone, shared = with_effect(1.0), with_effect(1.0, shared=0.05)
    n = seeds_needed(shared, alpha=0.05, units=100)
    assert seeds_needed(alone, alpha=0.05) < n < math.inf
    power = power_with(shared, np.array([n - 1, n]), alpha=0.05, units=100)
    assert power[0] < 0.8 <= power[1]


def test_a_huge_effect_takes_few_seeds_and_a_tiny_one_more_than_anybody_has() -> None:
    assert seeds_needed(with_effect(1e6), alpha=0.05) <= 3
    assert seeds_needed(with_effect(1e-3), alpha=0.05) == math.inf


def test_nothing_is_known_without_a_spread() -> None:
    one_seed = paired({0: 5.0}, {0: 1.0})
    same = paired({0: 5.0, 1: 6.0}, {0: 5.0, 1: 6.0})
    assert one_seed is not None
    assert same is not None
    assert math.isnan(seeds_needed(one_seed, alpha=0.05))
    assert math.isnan(seeds_needed(same, alpha=0.05))
