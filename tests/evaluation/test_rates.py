"""Which rates a set resolves, and what they are called."""

from __future__ import annotations

import pytest

from fedreid.evaluation import rate_name, resolvable, smallest_rate
from fedreid.evaluation.rates import allowed_errors


def test_names_as_in_metrics():
    names = {1e-6: "1e-6", 1e-4: "1e-4", 0.1: "1e-1", 0.025: "2.5e-2", 1.0: "1e0", 1e-10: "1e-10", 0.00012: "1.2e-4"}
    assert {rate: rate_name(rate) for rate in names} == names


def test_a_rate_counts_from_one_error_on():
    assert smallest_rate(1000) == 1e-3
    assert resolvable((1e-4, 1e-3, 1e-2), 1000) == [1e-3, 1e-2]
    assert resolvable((1e-4, 1e-3, 1e-2), 999) == [1e-2]
    assert resolvable((0.0, 1.0), 5) == [1.0]
    assert resolvable((0.1, 1.0), 0) == []


def test_rounding_takes_no_error_away():
    # In binary 0.29 * 100 is 28.999999999999996 and 1e-5 * 631,920,000 is 6319.200000000001.
    assert allowed_errors(0.29, 100) == 29
    assert allowed_errors(1e-5, 631_920_000) == 6319
    assert [allowed_errors(1 / count, count) for count in range(1, 2000)] == [1] * 1999


def test_without_trials_there_is_no_smallest_rate():
    with pytest.raises(ValueError, match="at least one trial, found 0"):
        smallest_rate(0)
