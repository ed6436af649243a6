"""Heat map, spread and plane: cells, dots and points are the clients' scores."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes

from fedreid.comparison import Variant
from fedreid.reports.drawing import SERIES
from tests.reports.comparison_figures.made_up import drawn, generic, own, variant

LASTING = ['partition.by="camera"']


def served(name: str, *seeds: list[float], lasting: bool = True) -> Variant:
    return variant(name, lambda seed: own({1: seeds[seed]}), seeds=len(seeds), settings=LASTING if lasting else ())


def ticks(axes: Axes) -> tuple[list[str], list[str]]:
    return [each.get_text() for each in axes.get_yticklabels()], [each.get_text() for each in axes.get_xticklabels()]


def test_cells_are_means_over_seeds_the_best_on_top_and_left() -> None:
    low, high = (
        served("low", [10.0, 30.0, 20.0], [20.0, 50.0, 20.0]),
        served("high", [50.0, 70.0, 60.0], [50.0, 80.0, 60.0]),
    )
    drawing = drawn([low, high])["clients-heat-map"]
    (axes,) = drawing.figure.axes
    assert ticks(axes) == (["high", "low"], ["1", "2", "0"])
    assert [text.get_text() for text in axes.texts] == ["75.0", "60.0", "50.0", "40.0", "20.0", "15.0"]
    shades = axes.collections[0].get_facecolors()
    assert np.argsort(-shades[:, 3]).tolist() == [0, 1, 2, 3, 4, 5], "the stronger, the better"
    assert shades[0, 3] == pytest.approx(0.5), "ink stays readable on it"
    assert "from 15.0 to 75.0 %" in drawing.caption


def test_clients_that_don_t_last_are_ranks() -> None:
    drawing = drawn([served("a", [10.0, 30.0], [40.0, 20.0], lasting=False)])["clients-heat-map"]
    (axes,) = drawing.figure.axes
    assert [text.get_text() for text in axes.texts] == ["35.0", "15.0"]
    assert ticks(axes)[1] == ["1", "2"]
    assert "a column is a rank" in drawing.caption


def test_more_than_sixty_clients_are_quantiles() -> None:
    drawing = drawn([served("a", [float(value) for value in range(101)])])["clients-heat-map"]
    (axes,) = drawing.figure.axes
    assert [text.get_text() for text in axes.texts] == [f"{value}.0" for value in range(100, -1, -10)]
    assert ticks(axes)[1] == [str(share) for share in range(0, 101, 10)]


def test_a_client_that_some_variant_lacks_is_an_empty_cell() -> None:
    (axes,) = drawn([served("a", [10.0, 20.0]), served("b", [30.0, 40.0, 50.0])])["clients-heat-map"].figure.axes
    assert len(axes.texts) == len(axes.collections[0].get_paths()) == 5


def test_one_client_is_no_spread() -> None:
    assert {"clients-heat-map", "clients-spread"}.isdisjoint(drawn([served("a", [10.0])]))


def test_dots_of_clients_and_the_worst_one() -> None:
    (axes,) = drawn([served("a", [30.0, 10.0, 50.0], [40.0, 20.0, 60.0])])["clients-spread"].figure.axes
    by_name = {str(line.get_label()): line.get_xdata().tolist() for line in axes.get_lines()}
    assert by_name == {"client": [35, 55], "worst client": [15], "mean": [35]}
    assert [text.get_text() for text in axes.texts] == ["1: 15.0"]


def test_of_many_clients_the_middle_half_is_drawn() -> None:
    (axes,) = drawn([served("a", [float(value) for value in range(101)])])["clients-spread"].figure.axes
    by_name = {str(line.get_label()): line.get_xdata().tolist() for line in axes.get_lines()}
    assert by_name == {"middle half": [25, 75], "worst client": [0], "mean": [50]}


def test_points_of_the_plane_with_bars_over_seeds() -> None:
    def rows(x: float, y: float) -> Variant:
        return variant(f"v{x:g}", lambda seed: generic({1: x + 2 * seed}) + own({1: [y - 10 + seed, y + 10 + seed]}))

    drawing = drawn([rows(20, 60), rows(30, 70), variant("blind", lambda _: own({1: [5.0, 6.0]}))])["plane"]
    (axes,) = drawing.figure.axes
    marks = {
        str(line.get_label()): tuple(line.get_xydata()[0]) for line in axes.get_lines() if len(line.get_xdata()) == 1
    }
    assert marks == {"v20": (21, 60.5), "v30": (31, 70.5)}
    bars = {tuple(map(tuple, line.get_xydata())) for line in axes.get_lines() if len(line.get_xdata()) == 2}
    assert {((20, 60.5), (22, 60.5)), ((21, 60), (21, 61))} <= bars
    assert {text.get_text() for text in axes.texts} == {"v20", "v30"}
    assert "for want of one of the scores: blind" in drawing.caption


def test_one_variant_with_both_scores_is_no_plane() -> None:
    assert "plane" not in drawn([variant("a", lambda _: generic({1: 1.0}) + own({1: [2.0]}))])


def test_a_variant_looks_the_same_in_all_figures() -> None:
    def rows(value: float) -> Variant:
        return variant(f"v{value:g}", lambda seed: generic({0: 1.0, 1: value + seed}) + own({1: [value, 2 * value]}))

    figures = drawn([rows(10), rows(20), rows(30)])
    found = set()
    for name in ("rounds-generic", "plane"):
        lines = [line for line in figures[name].figure.axes[0].get_lines() if line.get_label() == "v30"]
        found |= {(line.get_color(), line.get_marker()) for line in lines}
    assert found == {(SERIES[1], "^")}


def test_two_dozen_variants_have_their_numbers_in_the_heat_map() -> None:
    for number, has_numbers in ((24, True), (25, False)):
        variants = [served(f"v{place}", [20.0 + place, 40.0]) for place in range(number)]
        (axes,) = drawn(variants)["clients-heat-map"].figure.axes
        assert bool(axes.texts) is has_numbers
