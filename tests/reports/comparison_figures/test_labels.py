"""Names beside points and curves don't run into each other."""

from __future__ import annotations

from itertools import combinations, pairwise

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from fedreid.reports.comparison_figures.ends import spread_out
from fedreid.reports.drawing import STYLE, blank, settle
from fedreid.reports.point_labels import Point, label_points
from tests.reports.comparison_figures.made_up import drawn, generic, own, variant


def overlap(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else shared.width * shared.height


@pytest.mark.parametrize("seed", range(6))
def test_labels_of_crowded_points_don_t_overlap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.normal(0, [1.0, 0.2], (12, 2))  # with two that are the same
    places[1] = places[0]
    with mpl.rc_context(STYLE):
        figure, axes = blank(4.2)
        axes.plot(*places.T, "o")
        axes.margins(0.16)
        settle(figure)
        notes = label_points(axes, [Point(f"Method {place}", x, y) for place, (x, y) in enumerate(places)])
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [note.get_window_extent(renderer) for note in notes]
        room = axes.get_window_extent(renderer)
    assert [note.get_text() for note in notes] == [f"Method {place}" for place in range(12)]
    for one, other in combinations(boxes, 2):
        assert overlap(one, other) <= 0.02 * one.width * one.height
    assert all(room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 and box.y1 <= room.y1 for box in boxes)


def test_labels_in_the_plane_don_t_overlap() -> None:
    rng = np.random.default_rng(0)
    centres = {f"Strategy {place}": rng.normal(50, 0.6, 2) for place in range(10)}
    variants = [
        variant(name, lambda seed, at=at: generic({1: at[0] + seed}) + own({1: [at[1], at[1] + seed]}))
        for name, at in centres.items()
    ]
    figure = drawn(variants)["plane"].figure
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    assert len(boxes) == 10
    assert all(overlap(one, other) <= 0.02 * one.width * one.height for one, other in combinations(boxes, 2))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.floats(0.01, 0.1))
def test_ends_keep_their_order_and_their_distance(places: list[float], gap: float) -> None:
    found = spread_out(places, gap)
    ordered = [found[index] for index in np.argsort(places, kind="stable")]
    assert all(after - before >= gap - 1e-9 for before, after in pairwise(ordered))
    assert min(found) >= -1e-9
    assert max(found) <= 1 + 1e-9


def test_ends_that_are_apart_stay_where_they_are() -> None:
    assert spread_out([0.9, 0.1, 0.5], 0.1) == pytest.approx([0.9, 0.1, 0.5])


def test_two_that_are_the_same_part_evenly() -> None:
    assert spread_out([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
