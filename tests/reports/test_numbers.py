"""Digits, units and signs."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.reports import numbers


def test_percent_has_one_decimal() -> None:
    assert numbers.percent(59.649) == "59.6"


def test_points_are_signed_and_a_difference_that_shows_as_zero_is_zero() -> None:
    assert [numbers.points(value) for value in (4.68, -1.21, 0.049, -0.049)] == ["+4.7", "−1.2", "±0.0", "±0.0"]


@pytest.mark.parametrize("show", [numbers.percent, numbers.points, numbers.count, numbers.size, numbers.seconds])
def test_what_was_not_measured_is_a_dash(show: Callable[[float | None], str]) -> None:
    assert show(math.nan) == show(None) == "–"


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1_264_312, "1.3 MB"), (25_286_240, "25.3 MB"), (999_600, "1.0 MB"), (4.2e9, "4.2 GB"),
     (150_000, "150 kB")],
)  # fmt: skip
def test_sizes(num_bytes: float, text: str) -> None:
    assert numbers.size(num_bytes) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.4234, "0.42 s"), (12.34, "12.3 s"), (59.97, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(value: float, text: str) -> None:
    assert numbers.seconds(value) == text


@pytest.mark.parametrize(("value", "shown"), [(42.04, ("42.0", "s")), (200, ("3:20", "min")), (7500, ("2:05", "h"))])
def test_durations_of_a_tile(value: float, shown: tuple[str, str]) -> None:
    assert numbers.clock(value) == shown


@given(st.floats(0, 1e14))
def test_a_size_says_what_it_is_within_rounding(value: float) -> None:
    digits, unit = numbers.size(value).split()
    scale = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert float(digits) * scale == pytest.approx(value, rel=0.06, abs=0.5)


def test_plurals() -> None:
    assert [numbers.plural(1, "identity"), numbers.plural(2, "identity"), numbers.plural(1200, "round")] == [
        "1 identity", "2 identities", "1,200 rounds",
    ]  # fmt: skip
