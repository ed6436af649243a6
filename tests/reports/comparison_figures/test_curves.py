"""Curves by round and by cost: what is drawn is what was measured."""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from fedreid.comparison import Variant
from fedreid.reports.drawing import Drawing
from tests.reports.comparison_figures.made_up import cost, drawn, generic, local_only, own, variant, whole


def line(axes: Axes, label: str) -> Line2D:
    return next(each for each in axes.get_lines() if each.get_label() == label)


def points(axes: Axes, label: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in line(axes, label).get_xydata()]  # type: ignore[union-attr]


def axes_of(drawing: Drawing) -> list[Axes]:
    return drawing.figure.axes


def simple(name: str, gain: float, **options: object) -> Variant:
    return variant(
        name,
        lambda seed: [
            *generic({0: 10.0, 1: 20.0 + gain + 2 * seed, 2: 30.0}), *own({1: [40.0, 60.0 + gain], 2: [50.0, 70.0]}),
            *cost("bytes_down", {1: [1e6, 1e6], 2: [1e6, 1e6]}), *cost("bytes_up", {1: [5e5, 5e5], 2: [5e5, 5e5]}),
            *whole("simulated_seconds", {1: 60.0, 2: 120.0}),
        ],
        **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_means_over_seeds_by_round_and_a_level_for_who_has_no_rounds() -> None:
    figures = drawn([simple("A", 0.0), simple("B", 4.0), local_only([48.0, 50.0], [8.0, 10.0])])
    (axes,) = axes_of(figures["rounds-generic"])
    assert points(axes, "A") == [(0, 10), (1, 21), (2, 30)]
    assert points(axes, "B") == [(0, 10), (1, 25), (2, 30)]
    assert {y for _, y in points(axes, "Local only")} == {9}
    (own_axes,) = axes_of(figures["rounds-personalized"])
    assert points(own_axes, "B") == [(1, 52), (2, 60)]
    assert {y for _, y in points(own_axes, "Local only")} == {49}
    assert "Mean over 2 seeds; bands run from the lowest to the highest" in figures["rounds-generic"].caption
    assert "Level, without rounds: Local only" in figures["rounds-generic"].caption


def test_bands_run_from_the_lowest_to_the_highest_seed() -> None:
    (axes,) = axes_of(drawn([simple("A", 0.0)])["rounds-generic"])
    (band,) = axes.collections
    edges = {(float(x), float(y)) for x, y in band.get_paths()[0].vertices if x == 1}
    assert edges == {(1, 20), (1, 22)}


def test_one_seed_has_no_band() -> None:
    drawing = drawn([simple("A", 0.0, seeds=1)])["rounds-generic"]
    assert not axes_of(drawing)[0].collections
    assert "One seed." in drawing.caption


def test_one_evaluated_round_is_no_curve() -> None:
    figures = drawn([variant("A", lambda _: own({4: [40.0, 60.0]}) + generic({0: 10.0, 4: 20.0}))])
    assert "rounds-personalized" not in figures
    assert "rounds-generic" in figures


def test_quality_against_what_was_spent() -> None:
    central = variant(
        "Centralised",
        lambda _: generic({0: 10.0, 2: 45.0}) + own({2: [80.0, 90.0]}) + cost("bytes_down", {1: [1e9], 2: [1e9]}),
        settings=['method.name="centralised"'],
    )
    figures = drawn([simple("A", 0.0), central, local_only([33.0, 35.0], [8.0])])
    above, below = axes_of(figures["quality-by-traffic"])
    assert points(above, "A") == [(0, 10), (3, 21), (6, 30)], "megabytes, both ways, of both clients"
    assert points(below, "A") == [(3, 50), (6, 60)]
    assert {y for _, y in points(above, "Centralised")} == {45}, "level: it moves no models"
    assert "Centralised" not in {str(each.get_label()) for each in below.get_lines()}
    caption = figures["quality-by-traffic"].caption
    assert (
        "Level, without such a cost: Centralised and Local only. Off the scale: personalized Centralised 85.0, "
        "personalized Local only 34.0." in caption
    )
    assert below.get_xlabel() == "MB sent and received"
    above, _ = axes_of(figures["quality-by-simulated-time"])
    assert points(above, "A") == [(0, 10), (1, 21), (3, 30)]
    assert axes_of(figures["quality-by-simulated-time"])[1].get_xlabel() == "simulated minutes"


def test_no_clock_no_figure_of_time() -> None:
    assert "quality-by-simulated-time" not in drawn([variant("A", lambda _: generic({0: 1.0, 1: 2.0}))])


def test_three_test_sets_have_a_figure_each_and_more_share_their_mean() -> None:
    def rows(number: int) -> list:
        return [row for place in range(number) for row in generic({0: 10.0, 1: 20.0 + 3 * place}, f"set-{place}")]

    three = drawn([variant("A", lambda _: rows(3))])
    assert [name for name in three if name.startswith("rounds")] == [
        "rounds-generic", "rounds-generic-2", "rounds-generic-3",
    ]  # fmt: skip
    assert points(axes_of(three["rounds-generic-3"])[0], "A") == [(0, 10), (1, 26)]
    four = drawn([variant("A", lambda _: rows(4))])
    assert [name for name in four if name.startswith("rounds")] == ["rounds-generic"]
    assert points(axes_of(four["rounds-generic"])[0], "A") == [(0, 10), (1, 24.5)]
    assert "mean over 4 test sets" in four["rounds-generic"].caption


def test_many_variants_are_grey_and_the_caption_says_so() -> None:
    variants = [simple(f"V{place}", float(place), seeds=1) for place in range(11)]
    drawing = drawn(variants, "V0")["rounds-generic"]
    (axes,) = axes_of(drawing)
    named = {str(each.get_label()) for each in axes.get_lines() if not str(each.get_label()).startswith("_")}
    assert "V0" in named
    assert len(named) < 8
    assert f"{11 - len(named)} other variants" in drawing.caption


def test_drift_and_hard_negatives_by_round() -> None:
    def rows(seed: int) -> list:
        return [
            *generic({1: 5.0}), *cost("update_norm", {1: [4.0, 8.0], 2: [3.0, 5.0]}, "train"),
            *whole("agreement", {1: 50.0 + seed, 2: 20.0}, "train"),
            *cost("hard_negative_share", {1: [100.0, 50.0], 2: [10.0, 30.0]}, "train"),
        ]  # fmt: skip

    chooses = ['method.name="fedfr"']
    figures = drawn([variant("A", rows, settings=chooses), variant("B", rows)])
    assert points(axes_of(figures["drift-size"])[0], "B") == [(1, 6), (2, 4)]
    assert points(axes_of(figures["drift-agreement"])[0], "A") == [(1, 50.5), (2, 20)]
    (axes,) = axes_of(figures["hard-negatives"])
    assert points(axes, "A") == [(1, 75), (2, 20)]
    assert "B" not in {str(each.get_label()) for each in axes.get_lines()}, "FedAvg chooses none"
    assert {figures[name].section for name in ("drift-size", "drift-agreement", "hard-negatives")} == {
        "drift",
        "public",
    }


def test_the_only_curve_of_a_figure_is_not_grey() -> None:
    share = cost("hard_negative_share", {1: [5.0], 2: [5.0]}, "train")
    last = variant("last", lambda _: generic({0: 1.0, 1: 0.0}) + share, settings=['method.name="fedfr"'])
    drawing = drawn([*(simple(f"V{place}", 10.0 + place) for place in range(11)), last], "V0")["hard-negatives"]
    assert points(axes_of(drawing)[0], "last") == [(1, 5), (2, 5)]
    assert "Grey" not in drawing.caption


def test_who_sends_nothing_does_not_drift() -> None:
    still = cost("update_norm", {1: [0.0, 0.0]}, "train") + generic({1: 5.0})
    assert "drift-size" not in drawn([variant("A", lambda _: still)])


def test_images_in_one_place_are_no_client_that_drifts() -> None:
    moved = [*generic({1: 5.0}), *cost("update_norm", {1: [4.0], 2: [3.0]}, "train")]
    central = variant("Centralised", lambda _: moved, settings=['method.name="centralised"'])
    (axes,) = axes_of(drawn([variant("A", lambda _: moved), central])["drift-size"])
    assert "Centralised" not in {str(each.get_label()) for each in axes.get_lines()}


def test_a_curve_at_the_top_isn_t_cut() -> None:
    rows = generic({1: 5.0}) + cost("hard_negative_share", {1: [100.0], 2: [99.9]}, "train")
    (axes,) = axes_of(drawn([variant("A", lambda _: rows, settings=['method.name="fedfr"'])])["hard-negatives"])
    low, high = axes.get_ylim()
    assert (low, high) == (0, pytest.approx(104))


def test_older_runs_have_neither() -> None:
    assert {"drift-size", "drift-agreement", "hard-negatives"}.isdisjoint(drawn([simple("A", 0.0)]))
