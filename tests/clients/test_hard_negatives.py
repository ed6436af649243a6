"""Hard negatives against the numbers of the oracle and a loop over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import hard_negatives as module
from clients.hard_negatives import hard_negatives, highest_similarity
from fedreid.scenario.method_schema import HardNegativeSettings

# A3. Public image 4 has cosine 0 up to rounding only: nothing is said of it at a threshold of 0.
PRIVATE = [(1, 0, 0), (3, 4, 0), (0, 0, 1)]
PUBLIC = [(1, 1, 1), (0, 1, 0), (-1, 0, 0), (1, 0, 9), (-4, 3, 0), (0.5, -2, 0.1)]


def unit(rows: object) -> np.ndarray:
    found = np.asarray(rows, np.float64)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def closer_than(threshold: float) -> HardNegativeSettings:
    return HardNegativeSettings(threshold=threshold)


def test_similarities_of_the_oracle() -> None:
    found = highest_similarity(unit(PRIVATE), unit(PUBLIC))
    np.testing.assert_allclose(found, [0.80829038, 0.8, 0, 0.99388373, 0, 0.24225079], atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(("threshold", "kept"), [(0.4, [0, 1, 3]), (0.6, [0, 1, 3]), (0.9, [3]), (1.0, [])])
def test_choice_of_the_oracle(threshold: float, kept: list[int]) -> None:
    assert hard_negatives(unit(PRIVATE), unit(PUBLIC), closer_than(threshold)).tolist() == kept


def test_an_image_at_the_threshold_is_not_kept() -> None:
    """Image 2 is at right angles to two private images, and exactly 0 is not above 0."""
    kept = hard_negatives(unit(PRIVATE), unit(PUBLIC), closer_than(0.0))
    assert 2 not in kept
    assert {0, 1, 3, 5} <= set(kept.tolist())


@pytest.mark.parametrize(
    ("quantile", "kept"), [(1 / 6, [3]), (0.17, [0, 3]), (0.5, [0, 1, 3]), (1.0, [0, 1, 2, 3, 4, 5])]
)
def test_the_closest_share_of_the_images(quantile: float, kept: list[int]) -> None:
    """Rounded up, so that a share above zero is never nobody."""
    chosen = HardNegativeSettings(select="quantile", quantile=quantile, threshold=1.0)
    assert hard_negatives(unit(PRIVATE), unit(PUBLIC), chosen).tolist() == kept


def test_of_equally_close_images_the_first_ones_are_taken() -> None:
    public = unit([(0, 1, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)])
    chosen = HardNegativeSettings(select="quantile", quantile=0.5)
    assert hard_negatives(unit([(1, 0, 0)]), public, chosen).tolist() == [1, 2]


@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 1000), st.floats(-1, 1), st.sampled_from([4, 64, 400]))
@settings(max_examples=50, deadline=None)
def test_a_loop_over_all_pairs_finds_the_same(
    private: int, public: int, seed: int, threshold: float, size: int
) -> None:
    """However many rows are multiplied at once."""
    generator = np.random.default_rng(seed)
    own, others = unit(generator.standard_normal((private, 5))), unit(generator.standard_normal((public, 5)))
    expected = np.array([max(float(np.dot(a.astype(np.float64), b)) for a in own) for b in others])
    before, module.PRODUCT_BYTES = module.PRODUCT_BYTES, size
    try:
        found = highest_similarity(own, others)
        kept = hard_negatives(own, others, closer_than(threshold))
    finally:
        module.PRODUCT_BYTES = before
    np.testing.assert_allclose(found, expected, atol=1e-6)
    for position in range(public):
        if abs(expected[position] - threshold) > 1e-5:
            assert (position in kept) == (expected[position] > threshold)
    assert (np.diff(kept) > 0).all()


@given(st.integers(0, 100), st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=30, deadline=None)
def test_a_larger_threshold_keeps_a_part_of_what_a_smaller_one_keeps(seed: int, one: float, other: float) -> None:
    generator = np.random.default_rng(seed)
    own, others = unit(generator.standard_normal((3, 4))), unit(generator.standard_normal((20, 4)))
    few, many = (hard_negatives(own, others, closer_than(each)) for each in (max(one, other), min(one, other)))
    assert set(few.tolist()) <= set(many.tolist())
