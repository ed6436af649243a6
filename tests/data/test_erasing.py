"""Random erasing: the specification's rectangles, one of them per image, and the same from the same generator."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.data.erasing import erase, rectangle


def images(batch: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """No pixel has the colour of the rectangles."""
    return np.random.default_rng(seed).integers(0, 100, (batch, height, width, 3), dtype=np.uint8)


def test_rectangles_of_the_specification():
    """160 x 64: (S, r) = (.1, 2), (.4, 3.3), and (.4, .3), which would be 35 x 117."""
    heights, widths = rectangle(np.array([0.1, 0.4, 0.4]), np.array([2, 3.3, 0.3]), 160, 64)
    assert heights.tolist() == [45, 116, 0]
    assert widths.tolist() == [23, 35, 0]
    heights, widths = rectangle(np.array([0.4]), np.array([0.3]), 80, 128)  # as large, but wide enough
    assert (heights.tolist(), widths.tolist()) == ([35], [117])


def test_a_rectangle_must_be_smaller_than_the_image_and_not_empty():
    # 10 x 10: a square of 90 pixels is 9 x 9 after rounding; one of 91 is 10 x 10; one of 0.2 is nothing.
    heights, widths = rectangle(np.array([0.90, 0.91, 0.002]), np.ones(3), 10, 10)
    assert heights.tolist() == widths.tolist() == [9, 0, 0]


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(0, 6),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    probability=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_changes_one_whole_rectangle_or_nothing(batch, height, width, probability, seed):
    original = images(batch, height, width)
    kept = original.copy()
    found = erase(original, probability, np.random.default_rng(seed), fill=(200, 150, 100))
    assert (original == kept).all()
    assert found.shape == original.shape
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert not np.shares_memory(found, original)
    for before, after in zip(original, found, strict=True):
        rows, columns = np.nonzero((before != after).any(axis=2))
        if len(rows) == 0:
            continue
        top, bottom, left, right = rows.min(), rows.max() + 1, columns.min(), columns.max() + 1
        assert (after[top:bottom, left:right] == (200, 150, 100)).all()
        assert len(rows) == (bottom - top) * (right - left)
        assert bottom - top < height
        assert right - left < width
        # Each side within half a pixel of one whose area and aspect are in range.
        assert (bottom - top - 0.5) * (right - left - 0.5) <= 0.4 * height * width
        assert (bottom - top + 0.5) * (right - left + 0.5) >= 0.02 * height * width
        assert (bottom - top - 0.5) / (right - left + 0.5) <= 3.3
        assert (bottom - top + 0.5) / (right - left - 0.5) >= 0.3


def test_fill_is_the_mean_colour_of_natural_images():
    found = erase(np.zeros((8, 20, 10, 3), dtype=np.uint8), 1.0, np.random.default_rng(0))
    painted = found[(found != 0).any(axis=3)]
    assert np.unique(painted, axis=0).tolist() == [[124, 116, 104]]  # 255 times 0.485, 0.456, 0.406


def test_each_image_is_erased_with_the_given_probability():
    original = images(4000, 12, 8)
    for probability in (0.0, 0.3, 1.0):
        found = erase(original, probability, np.random.default_rng(0))
        share = (found != original).any(axis=(1, 2, 3)).mean()
        assert share == pytest.approx(probability, abs=0.03 * (probability == 0.3))


def test_areas_are_uniform_and_all_places_are_reached():
    # Squares of 1 to 21 pixels in 24 x 24: none is too large, so nothing is drawn again.
    original = images(3000, 24, 24)
    changed = (erase(original, 1.0, np.random.default_rng(0), area=(0.01, 0.75), aspect=(1, 1)) != original).any(axis=3)
    shares = changed.mean(axis=(1, 2))
    assert shares.mean() == pytest.approx(0.38, abs=0.02)
    assert np.quantile(shares, [0.25, 0.75]) == pytest.approx([0.195, 0.565], abs=0.04)
    assert changed.any(axis=0).all()
    corners = changed[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=0)
    assert corners == pytest.approx([corners.mean()] * 4, rel=0.2)


def test_aspects_are_uniform():
    # 4,000 pixels in 400 x 400, from 20 x 200 to 200 x 20; the middle of uniform aspects .1 to 10 is 5.05.
    heights, widths = [], []
    for batch in range(10):
        original = np.zeros((20, 400, 400, 3), dtype=np.uint8)
        generator = np.random.default_rng(batch)
        found = erase(original, 1.0, generator, area=(0.025, 0.025), aspect=(0.1, 10), fill=(1, 1, 1))
        heights += found[..., 0].any(axis=2).sum(axis=1).tolist()
        widths += found[..., 0].any(axis=1).sum(axis=1).tolist()
    assert np.multiply(heights, widths) == pytest.approx(np.full(200, 4000), rel=0.06)
    assert np.median(np.divide(heights, widths)) == pytest.approx(5.05, abs=1)


def test_a_rectangle_that_does_not_fit_is_drawn_again_up_to_100_times():
    # 300 pixels in 100 x 10: 9 wide or less from an aspect of 300 / 9.5^2 on, so one draw in fifty fits.
    original = images(2000, 100, 10)
    found = erase(original, 1.0, np.random.default_rng(0), area=(0.3, 0.3), aspect=(0.1, 3.39))
    fits = (3.39 - 300 / 9.5**2) / (3.39 - 0.1)
    assert (found != original).any(axis=(1, 2, 3)).mean() == pytest.approx(1 - (1 - fits) ** 100, abs=0.035)


def test_an_image_that_no_rectangle_fits_stays_whole():
    original = images(5, 40, 10)
    assert (erase(original, 1.0, np.random.default_rng(0), area=(0.9, 0.9), aspect=(1, 1)) == original).all()


def test_the_same_generator_gives_the_same_pixels():
    batch = images(10, 32, 16)
    first, again, other = (erase(batch, 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_what_is_drawn_does_not_depend_on_the_pixels():
    generators = [np.random.default_rng(5), np.random.default_rng(5)]
    first, second = (
        erase(images(10, 32, 16, seed), 0.5, generator) != images(10, 32, 16, seed)
        for generator, seed in zip(generators, (0, 1), strict=True)
    )
    assert (first == second).all()
    assert generators[0].integers(1 << 30) == generators[1].integers(1 << 30)


def test_takes_a_read_only_view():
    view = images(4, 20, 30).transpose(0, 2, 1, 3)[:, :, ::-1]
    view.flags.writeable = False
    found = erase(view, 1.0, np.random.default_rng(0))
    assert found.flags.c_contiguous
    assert (found == erase(view.copy(order="C"), 1.0, np.random.default_rng(0))).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"images": np.zeros((2, 8, 8), dtype=np.uint8)}, r"uint8, found \(2, 8, 8\) uint8"),
        ({"images": np.zeros((2, 3, 8, 8), dtype=np.uint8)}, r"found \(2, 3, 8, 8\) uint8"),
        ({"images": np.zeros((2, 8, 8, 3), dtype=np.float32)}, "found .* float32"),
        ({"probability": 1.5}, r"probability must be from 0 to 1, found 1\.5"),
        ({"area": (0.4, 0.02)}, r"area must be two rising shares.*found \(0\.4, 0\.02\)"),
        ({"area": (0, 0.4)}, "area must be"),
        ({"area": (0.1, 1.1)}, "area must be"),
        ({"aspect": (3.3, 0.3)}, r"aspect must be two rising ratios.*found \(3\.3, 0\.3\)"),
        ({"aspect": (0, 1)}, "aspect must be"),
        ({"fill": (0.485, 0.456, 300)}, "fill must be three values from 0 to 255"),
        ({"fill": (1, 2)}, "fill must be three values from 0 to 255"),
    ],
)
def test_says_what_is_wrong(wrong, message):
    given = {"images": images(2, 8, 8), "probability": 0.5, "generator": np.random.default_rng(0), **wrong}
    with pytest.raises(ValueError, match=message):
        erase(**given)
