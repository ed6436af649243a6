"""Means, paired differences, Student's t and Holm's correction: by hand, by printed tables, and by their laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.comparison.statistics import holm, paired, spread, standard_error, two_sided

SCORES = st.floats(0, 100).map(lambda value: round(value, 3))
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=2, max_size=8)


def by_seed(*values: float) -> dict[int, float]:
    return dict(enumerate(values))


def test_mean_and_standard_deviation_by_hand() -> None:
    found = spread([50.0, 53.0, 56.0])
    assert (found.mean, found.sd, found.n) == (53.0, 3.0, 3)  # ((-3)^2 + 0 + 3^2) / 2 = 9


def test_one_seed_has_no_spread_and_none_no_mean() -> None:
    assert (spread([50.0]).mean, spread([50.0]).n) == (50.0, 1)
    assert math.isnan(spread([50.0]).sd)
    assert math.isnan(spread([]).mean)


# Printed tables of Student's t: two-sided 5 %, and 1 %.
@pytest.mark.parametrize(
    ("freedom", "t", "p"),
    [(1, 12.706, 0.05), (2, 4.303, 0.05), (4, 2.776, 0.05), (9, 2.262, 0.05), (30, 2.042, 0.05), (2, 9.925, 0.01),
     (9, 3.250, 0.01), (120, 1.980, 0.05), (5, 0.0, 1.0)],
)  # fmt: skip
def test_p_is_that_of_the_tables(freedom: int, t: float, p: float) -> None:
    assert two_sided(t, freedom) == pytest.approx(p, rel=2e-3)
    assert two_sided(-t, freedom) == two_sided(t, freedom)


def test_a_paired_difference_by_hand() -> None:
    """Differences 2, 4, 6: mean 4, sd 2, standard error 2 / sqrt(3) = 1.1547, t = 3.4641 with 2 degrees of freedom.

    For 2 degrees of freedom P(|T| > t) = 1 - t / sqrt(2 + t^2): 1 - 3.4641 / sqrt(14) = 0.07418; 4.3027 standard
    errors are 4.9683.
    """
    found = paired(by_seed(52, 54, 56), by_seed(50, 50, 50))
    assert found is not None
    assert (found.mean, found.sd, found.n, found.freedom) == (4.0, pytest.approx(2.0), 3, pytest.approx(2.0))
    assert found.error == pytest.approx(1.154701, abs=1e-6)
    assert found.p == pytest.approx(0.074180, abs=1e-6)
    assert (found.low, found.high) == (pytest.approx(4 - 4.96828, abs=1e-4), pytest.approx(4 + 4.96828, abs=1e-4))
    assert found.over == "seeds"


def test_only_seeds_that_both_have_are_paired() -> None:
    found = paired({0: 52.0, 1: 54.0, 7: 99.0}, {0: 50.0, 1: 50.0, 8: 1.0})
    assert found is not None
    assert (found.mean, found.n) == (3.0, 2)
    assert paired({0: 1.0}, {1: 1.0}) is None


def test_what_all_seeds_share_adds_to_the_error_and_brings_its_own_degrees_of_freedom() -> None:
    """sd 2 over 4 seeds: own variance 1. With 3 shared, from 51 people: variance 4, error 2; degrees of freedom
    4^2 / (1^2 / 3 + 3^2 / 50) = 16 / 0.51333 = 31.17 (Satterthwaite)."""
    error, freedom = standard_error(2.0, 4, 3.0, 51)
    assert error == pytest.approx(2.0)
    assert freedom == pytest.approx(31.1688, abs=1e-3)
    assert standard_error(2.0, 4) == (pytest.approx(1.0), pytest.approx(3.0)), "else it is the paired t-test"


def test_one_seed_has_a_difference_and_no_interval() -> None:
    found = paired({3: 52.0}, {3: 50.0})
    assert found is not None
    assert (found.mean, found.n) == (2.0, 1)
    assert all(math.isnan(value) for value in (found.sd, found.error, found.low, found.high, found.p))


def test_the_same_difference_in_all_seeds_says_nothing_of_chance() -> None:
    found = paired(by_seed(52, 53, 54), by_seed(50, 51, 52))
    assert found is not None
    assert found.mean == 2.0
    assert math.isnan(found.p)
    assert math.isnan(found.low)


def test_runs_that_agree_everywhere_are_the_same() -> None:
    found = paired(by_seed(52, 53, 54), by_seed(52, 53, 54))
    assert found is not None
    assert (found.mean, found.low, found.high, found.p, found.error) == (0, 0, 0, 1, 0)


@given(PAIRS)
def test_swapping_the_two_turns_the_sign(pairs: list[tuple[float, float]]) -> None:
    one, other = (by_seed(*values) for values in zip(*pairs, strict=True))
    there, back = paired(one, other, shared=0.3, units=9), paired(other, one, shared=0.3, units=9)
    assert there is not None
    assert back is not None
    assert there.mean == pytest.approx(-back.mean, abs=1e-9)
    assert (there.sd, there.p) == pytest.approx((back.sd, back.p), nan_ok=True, abs=1e-9)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), nan_ok=True, abs=1e-6)


@given(PAIRS.flatmap(lambda pairs: st.tuples(st.just(pairs), st.permutations(pairs))))
def test_which_seed_is_which_changes_nothing(both: tuple[list[tuple[float, float]], list[tuple[float, float]]]) -> None:
    straight, other = (paired(*(by_seed(*values) for values in zip(*pairs, strict=True))) for pairs in both)
    assert straight is not None
    assert other is not None
    for name in ("mean", "sd", "low", "high", "p"):
        assert getattr(straight, name) == pytest.approx(getattr(other, name), nan_ok=True, rel=1e-6, abs=1e-9)


@given(PAIRS)
def test_the_interval_holds_the_difference_and_leaves_out_0_where_p_is_small(pairs: list[tuple[float, float]]) -> None:
    one, other = (by_seed(*values) for values in zip(*pairs, strict=True))
    found = paired(one, other)
    assert found is not None
    if math.isnan(found.p):
        return
    assert found.low <= found.mean <= found.high
    if abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_holm_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, and 0.04 is raised to 0.06."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_out_what_is_unknown_and_goes_no_higher_than_1() -> None:
    found = holm([math.nan, 0.02, 0.9])
    assert math.isnan(found[0])
    assert found[1:] == pytest.approx([0.04, 0.9])
    assert holm([0.7, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    assert all(math.isnan(value) for value in holm([math.nan]))


def holm_by_definition(p: list[float], alpha: float) -> list[bool]:
    """Step down from the smallest while p <= alpha / (m - number of those before it)."""
    rejected = [False] * len(p)
    for step, place in enumerate(sorted(range(len(p)), key=lambda place: p[place])):
        if p[place] > alpha / (len(p) - step):
            break
        rejected[place] = True
    return rejected


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12), st.floats(0.001, 0.5))
def test_holm_rejects_as_its_definition_does(p: list[float], alpha: float) -> None:
    corrected = holm(p)
    assert all(after >= before for after, before in zip(corrected, p, strict=True))
    if min(abs(value - alpha) for value in corrected) > 1e-9:
        assert [value <= alpha for value in corrected] == holm_by_definition(p, alpha)


def test_holm_keeps_the_order() -> None:
    p = np.random.default_rng(0).uniform(size=30)
    corrected = np.array(holm(p.tolist()))
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()
