"""Bounds far from all federations stand at the edge, so that federations can be told apart."""

from __future__ import annotations

import pytest

from fedreid.comparison import Variant
from fedreid.reports.comparison_figures.reach import Reach, arrow, reach
from tests.reports.comparison_figures.made_up import cost, drawn, generic, local_only, own, variant


def priced(name: str, score: float, personal: float, multiplications: float, *settings: str) -> Variant:
    rows = [*generic({1: score}), *own({1: [personal, personal]}), *cost("macs", {1: [multiplications]})]
    return variant(name, lambda _: rows, settings=settings)


def test_a_bound_as_far_as_the_federations_are_apart_stays_in_its_place() -> None:
    shown = reach([(40.0, 44.0), (46.0, 50.0)], [(30.0, 31.0), (60.1, 60.1)])
    assert (shown.low, shown.high) == pytest.approx((30 - 1.2, 50 + 1.2)), "ten points: a tenth and a bit more around"
    assert [shown.place(value) for value in (30.0, 45.0)] == [30, 45]
    assert shown.place(60.1) == shown.high
    assert [shown.way(value) for value in (20.0, 30.0, 60.1)] == [-1, 0, 1]


def test_of_nearly_equal_federations_no_chasm_is_made() -> None:
    shown = reach([(50.0, 50.0), (50.1, 50.1)], [(60.0, 60.0)])
    assert shown.high - shown.low == pytest.approx(2 * 1.24), "two points, and the edges"


def test_one_federation_needs_no_closer_look() -> None:
    assert reach([(50.0, 51.0)], [(0.0, 0.0), (100.0, 100.0)]) == Reach()


def test_far_points_of_the_plane_are_at_its_edge_with_an_arrow_and_their_scores() -> None:
    central = priced("Centralised", 90, 62, 9e9, 'method.name="centralised"')
    drawing = drawn([priced("a", 40, 60, 2e9), priced("b", 44, 64, 4e9), central, local_only([20.0], [10.0])])["plane"]
    (axes,) = drawing.figure.axes
    assert {text.get_text() for text in axes.texts} == {"a", "b", "Centralised →", "Local only ↙"}
    marks = {str(line.get_label()): line.get_xydata()[0] for line in axes.get_lines() if len(line.get_xdata()) == 1}
    assert marks["Centralised"] == pytest.approx((44 + 0.48, 62))
    assert marks["Local only"] == pytest.approx((40 - 0.48, 60 - 0.48))
    assert (
        "Off the scale, at the edge with an arrow: Centralised (generic 90.0, personalized 62.0) and Local only "
        "(generic 10.0, personalized 20.0)." in drawing.caption
    )
    low, high = axes.get_xlim()
    assert high - low < 10, "what federations take isn't squeezed"


def test_far_scores_of_the_front_keep_their_cost() -> None:
    central = priced("Centralised", 90, 62, 9e9, 'method.name="centralised"')
    variants = [priced("a", 40, 60, 2e9), priced("b", 44, 64, 4e9), central, local_only([20.0], [10.0])]
    drawing = drawn(variants)["front-computation"]
    above, below = drawing.figure.axes
    marks = {str(line.get_label()): line.get_xydata()[0] for line in above.get_lines() if len(line.get_xdata()) == 1}
    assert marks["Centralised"] == pytest.approx((9, 44 + 0.48))
    assert "Centralised ↑ 90.0" in {text.get_text() for text in above.texts}
    assert "Centralised" in {text.get_text() for text in below.texts}, "among the federations"
    (stair,) = [line for line in above.get_lines() if line.get_drawstyle() == "steps-post"]
    assert stair.get_ydata().tolist() == pytest.approx([40, 44, 44.48, 44.48])
    assert "Off the scale: generic Local only 10.0, personalized Local only 20.0." in drawing.caption
    assert "An arrow leads to a score that is off the scale." in drawing.caption


def test_arrows() -> None:
    assert [arrow(0, 0), arrow(1, 1), arrow(0, -1), arrow(-1, 0)] == ["", " ↗", " ↓", " ←"]


def test_a_bound_whose_seeds_differ_widely_does_not_stretch_the_plane() -> None:
    """Its mean is among the federations, its seeds are far to both sides: the bar ends at the edge."""

    def rows(seed: int) -> list[list[object]]:
        score = (39.0, 59.0, 79.0)[seed]
        return [*generic({1: score}), *own({1: [61.0, 61.0]})]  # type: ignore[list-item]

    central = variant("Centralised", rows, settings=('method.name="centralised"',), seeds=3)  # type: ignore[arg-type]
    drawing = drawn([priced("a", 57, 60, 2e9), priced("b", 60, 64, 4e9), central])["plane"]
    (axes,) = drawing.figure.axes
    low, high = axes.get_xlim()
    assert high - low < 10
