"""Quality for its cost: who is on the front, and how much travelled."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from fedreid.comparison import Variant
from fedreid.reports.comparison_figures.front import Priced, pareto
from fedreid.reports.comparison_figures.styles import Look
from fedreid.reports.comparison_figures.units import unit_of
from fedreid.reports.drawing import PAPER, Drawing
from tests.reports.comparison_figures.made_up import cost, drawn, generic, local_only, own, variant

LOOK = Look("A", "#000000", "o")


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_nobody_beats_the_front_and_somebody_beats_the_rest(values: list[tuple[int, int]]) -> None:
    front = pareto([Priced(LOOK, cost, quality) for cost, quality in values])

    def is_beaten(index: int) -> bool:
        cost, quality = values[index]
        return any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in values)

    assert {values[index] for index in front} == {values[i] for i in range(len(values)) if not is_beaten(i)}
    assert [values[index] for index in front] == sorted(values[index] for index in front)


def priced(name: str, megabytes: float, quality: float, personal: float) -> Variant:
    rows = [
        *generic({0: 5.0, 1: quality}), *own({1: [personal, personal]}), *cost("macs", {1: [2e9, 2e9]}),
        *cost("bytes_down", {1: [megabytes * 3e5] * 2}), *cost("bytes_up", {1: [megabytes * 2e5] * 2}),
    ]  # fmt: skip
    return variant(name, lambda _: rows)


@pytest.fixture(scope="module")
def figures() -> dict[str, Drawing]:
    central = variant("Centralised", lambda _: generic({1: 70.0}) + own({1: [75.0]}) + cost("macs", {1: [9e9]}),
                      settings=['method.name="centralised"'])  # fmt: skip
    cheap, dear, beaten = priced("cheap", 2, 30, 60), priced("dear", 8, 50, 65), priced("beaten", 4, 29, 62)
    return drawn([cheap, dear, beaten, central, local_only([55.0], [20.0])])


def marks(axes: Axes) -> dict[str, tuple[float, float, bool]]:
    """By name: where, and whether filled."""
    found = {}
    for line in axes.get_lines():
        x, y = line.get_xdata(), line.get_ydata()
        if not str(line.get_label()).startswith("_") and len(x) == 1:
            found[str(line.get_label())] = float(x[0]), float(y[0]), line.get_markerfacecolor() != PAPER
    return found


def test_points_and_who_is_on_the_front(figures: dict[str, Drawing]) -> None:
    above, below = figures["front-traffic"].figure.axes
    assert marks(above) == {"cheap": (2, 30, True), "dear": (8, 50, True), "beaten": (4, 29, False)}
    assert marks(below) == {"cheap": (2, 60, True), "dear": (8, 65, True), "beaten": (4, 62, True)}
    assert below.get_xlabel() == "MB sent and received"


def test_the_front_is_a_stair(figures: dict[str, Drawing]) -> None:
    above = figures["front-traffic"].figure.axes[0]
    (stair,) = [line for line in above.get_lines() if line.get_drawstyle() == "steps-post"]
    assert [(float(x), float(y)) for x, y in stair.get_xydata()][:2] == [(2, 30), (8, 50)]


def test_who_moves_no_models_is_a_level(figures: dict[str, Drawing]) -> None:
    above = figures["front-traffic"].figure.axes[0]
    levels = {
        str(line.get_label()): float(line.get_ydata()[0]) for line in above.get_lines() if len(line.get_ydata()) == 2
    }
    assert {"Local only": 20, "Centralised": 70}.items() <= levels.items()
    assert "Level, without such a cost: Centralised and Local only" in figures["front-traffic"].caption


def test_a_central_model_computes(figures: dict[str, Drawing]) -> None:
    above = figures["front-computation"].figure.axes[0]
    assert marks(above)["Centralised"] == (9, 70, True)
    assert marks(above)["cheap"] == (4, 30, False), "as much as dear, which is better"


def test_where_all_cost_the_same_there_is_nothing_to_choose() -> None:
    found = drawn([priced("a", 2, 30, 60), priced("b", 2, 31, 61)])
    assert "front-traffic" not in found
    assert "front-computation" not in found
    assert "traffic-bars" in found


def test_far_apart_costs_are_logarithmic() -> None:
    axes = drawn([priced("a", 1, 30, 60), priced("b", 30, 31, 61)])["front-traffic"].figure.axes[1]
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel().endswith("(logarithmic)")


def test_bars_of_traffic(figures: dict[str, Drawing]) -> None:
    (axes,) = figures["traffic-bars"].figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    widths = [[round(bar.get_width(), 6) for bar in group] for group in axes.containers]
    assert names == ["dear", "beaten", "cheap"], "the cheapest on top"
    assert widths == [[4.8, 2.4, 1.2], [3.2, 1.6, 0.8]], "megabytes down, and up"
    assert [text.get_text() for text in axes.texts] == ["8.0 MB", "4.0 MB", "2.0 MB"]


def test_no_traffic_no_bars() -> None:
    assert "traffic-bars" not in drawn([variant("A", lambda _: generic({0: 1.0, 1: 2.0}))])


@pytest.mark.parametrize(
    ("cost_name", "largest", "scale", "name"),
    [
        ("bytes", 999.0, 1, "bytes"), ("bytes", 2.5e9, 1e9, "GB"), ("bytes", 1e20, 1e12, "TB"),
        ("macs", 3e12, 1e12, "T multiplications"), ("joules", 12_000.0, 1e3, "kJ"),
        ("simulated_seconds", 100.0, 1, "simulated seconds"), ("simulated_seconds", 7200.0, 3600, "simulated hours"),
        ("simulated_seconds", 1e6, 86400, "simulated days"),
    ],
)  # fmt: skip
def test_units(cost_name: str, largest: float, scale: float, name: str) -> None:
    found, unit = unit_of(cost_name, largest)
    assert math.isclose(found, scale)
    assert unit == name
