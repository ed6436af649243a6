"""The forest of differences: where points and lines are, and who is filled."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib as mpl
import pytest
from matplotlib.axes import Axes

from fedreid import comparison
from fedreid.comparison import Variant
from fedreid.reports.comparison_figures import comparison_figures
from fedreid.reports.drawing import PAPER, STYLE, Drawing
from tests.reports.comparison_figures.made_up import Rows, drawn, generic, own, variant


def scored(gain: float, noise: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Callable[[int], Rows]:
    def rows(seed: int) -> Rows:
        value = 50.0 + 5 * seed + gain + noise[seed]
        return generic({1: value}) + own({1: [value - 20, value]})

    return rows


VARIANTS = [
    variant("base", scored(0.0), seeds=3),
    variant("better", scored(6.0, (0.1, -0.1, 0.0)), seeds=3),
    variant("unclear", scored(1.0, (3.0, -3.0, 0.0)), seeds=3),
    variant("worse", scored(-4.0, (0.1, 0.0, -0.1)), seeds=3),
]


def points(axes: Axes) -> list[tuple[str, float, bool]]:
    """(name, difference, whether filled) from the lowest row up."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    found = {}
    for line in axes.get_lines():
        if line.get_marker() not in ("None", "", None):
            found[round(float(line.get_ydata()[0]))] = float(line.get_xdata()[0]), line.get_markerfacecolor() != PAPER
    return [(name, *found[place]) for place, name in enumerate(names)]


def test_sorted_by_difference_and_filled_where_it_holds() -> None:
    figures = drawn(VARIANTS)
    for name in ("differences-generic", "differences-personalized"):
        (axes,) = figures[name].figure.axes
        found = points(axes)
        assert [(each, filled) for each, _, filled in found] == [("worse", True), ("unclear", False), ("better", True)]
        assert [value for _, value, _ in found] == pytest.approx([-4, 1, 6])
        assert [text.get_text() for text in axes.texts] == ["−4.0", "+1.0", "+6.0"]
        assert axes.get_xlabel().endswith("difference to base (points)")
        assert "95 % intervals over seeds (3 seeds)" in figures[name].caption


def test_lines_are_the_intervals() -> None:
    held = comparison.with_reference(VARIANTS)
    contrasts = comparison.contrasts(held, "base")
    with mpl.rc_context(STYLE):
        figures = {each.name: each for each in comparison_figures(held, contrasts, "base")}
    (axes,) = figures["differences-generic"].figure.axes
    found = [tuple(path.vertices[:, 0]) for lines in axes.collections for path in lines.get_paths()]
    # t of 2 degrees of freedom at 97.5 %: 4.302653; sd of (0.1, 0, -0.1) is 0.1, of (3, -3, 0) is 3
    expected = [(value - 4.302653 * sd / 3**0.5, value + 4.302653 * sd / 3**0.5)
                for value, sd in ((-4, 0.1), (1, 3.0), (6, 0.1))]  # fmt: skip
    assert sum(found, ()) == pytest.approx(sum(expected, ()), abs=1e-4)


def test_one_seed_has_points_only() -> None:
    drawing = drawn([variant("base", scored(0.0), seeds=1), variant("other", scored(2.0), seeds=1)])[
        "differences-generic"
    ]
    (axes,) = drawing.figure.axes
    assert points(axes) == [("other", 2.0, False)]
    assert not axes.collections
    assert "intervals are withheld" in drawing.caption


def test_the_same_everywhere_and_the_same_in_all_seeds() -> None:
    drawing = drawn([VARIANTS[0], variant("shifted", scored(2.0), seeds=3)])["differences-generic"]
    assert "Where there is no line, the interval can't be told." in drawing.caption


def many(name: str, gains: dict[str, float]) -> Variant:
    return variant(
        name, lambda seed: [row for each, gain in gains.items() for row in generic({1: 50 + gain + seed}, each)]
    )


def by_set(figures: dict[str, Drawing]) -> list[str]:
    return [name for name in figures if name.startswith("differences")]


def test_a_figure_for_each_of_few_test_sets_and_their_mean_and_one_for_many() -> None:
    few = {"a": 1.0, "b": 2.0}
    found = by_set(drawn([many("base", few), many("other", few)]))
    assert found == ["differences-generic-all-test-sets", "differences-generic-a", "differences-generic-b"]
    sets = dict.fromkeys("abcd", 0.0)
    drawing = drawn([many("base", sets), many("other", {"a": 1.0, "b": 2.0, "c": 3.0, "d": 6.0})])[
        "differences-generic"
    ]
    (axes,) = drawing.figure.axes
    small = sorted(float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() == "|")
    (mean,) = [value for _, value, _ in points(axes)]
    assert (small, mean) == ([1, 2, 3, 6], 3)
    assert "mean over 4 sets; thin strokes below: each test set" in drawing.caption


def test_a_variant_without_the_score_is_left_out() -> None:
    lacking = variant("lacking", lambda seed: own({1: [10.0 + seed, 20.0]}), seeds=3)
    figures = drawn([*VARIANTS, lacking])
    assert "lacking" not in [name for name, *_ in points(figures["differences-generic"].figure.axes[0])]
    assert "lacking" in [name for name, *_ in points(figures["differences-personalized"].figure.axes[0])]


def test_names_of_people_who_like_symbols() -> None:
    odd = variant("a$b$ <i>&", scored(2.0), seeds=1)
    drawing = drawn([variant("base", scored(0.0), seeds=1), odd])["differences-generic"]
    drawing.figure.draw_without_rendering()
    (label,) = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert label == r"a\$b\$ <i>&"


def test_the_axis_has_no_room_for_a_long_reference() -> None:
    variants = [variant("FedAvg as in all of our shops", scored(0.0), seeds=3), variant("b", scored(1.0), seeds=3)]
    drawing = drawn(variants)["differences-generic"]
    assert drawing.figure.axes[0].get_xlabel() == "generic mAP: difference to the reference (points)"
    assert drawing.title == "Generic mAP against FedAvg as in all of our shops"
