"""Eq. 7.2 of the dissertation, oracles A1 and A1b of the FedFR specification."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.models.flat import FlatArrays, Layout
from fedreid.models.running_mean import BLOCK, RunningMean


def mean_of(models: list[dict[str, np.ndarray]], weights: list[float]) -> dict[str, np.ndarray]:
    running = RunningMean()
    for model, weight in zip(models, weights, strict=True):
        running.add(model, weight)
    return running.mean()


def test_oracle_a1_backbone() -> None:
    models = [{"theta": np.array([1.0])}, {"theta": np.array([2.0])}]
    assert mean_of(models, [100, 300])["theta"] == pytest.approx(1.75)


def test_oracle_a1b_hard_negatives_must_not_count() -> None:
    """With |D_HN| = (500, 100) added to the counts the mean would be 1.4."""
    models = [{"theta": np.array([1.0])}, {"theta": np.array([2.0])}]
    assert mean_of(models, [100 + 500, 300 + 100])["theta"] == pytest.approx(1.4)


def test_oracle_a1_proxies() -> None:
    models = [{"phi": np.array([[1.0, 0], [0, 1]])}, {"phi": np.array([[0, 1.0], [1, 0]])}]
    np.testing.assert_allclose(mean_of(models, [100, 300])["phi"], [[0.25, 0.75], [0.75, 0.25]])


def test_sums_in_float64_though_models_are_float32() -> None:
    """2^24 + 1 isn't a float32: a float32 sum of these three would lose both ones and give 2^24 / 3."""
    models = [{"x": np.array([value], np.float32)} for value in (2.0**24, 1.0, 1.0)]
    assert mean_of(models, [1, 1, 1])["x"] == np.float32((2.0**24 + 2) / 3)


def test_keeps_the_models_type() -> None:
    assert mean_of([{"x": np.ones(3, np.float32)}], [5])["x"].dtype == np.float32


def test_arrays_longer_than_a_block_are_summed_whole() -> None:
    ramp = np.arange(2 * BLOCK + 3, dtype=np.float32)
    np.testing.assert_array_equal(mean_of([{"x": ramp}, {"x": ramp + 2}], [1, 1])["x"], ramp + 1)


@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6, width=32), st.integers(1, 10_000)), min_size=1, max_size=8),
)
def test_is_numpys_weighted_average(pairs: list[tuple[float, int]]) -> None:
    models = [{"x": np.full((2, 2), value, np.float64)} for value, _ in pairs]
    weights = [float(weight) for _, weight in pairs]
    expected = np.average([value for value, _ in pairs], weights=weights)
    np.testing.assert_allclose(mean_of(models, weights)["x"], expected, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("weight", [0, -1, float("nan")])
def test_refuses_a_weight_that_is_not_positive(weight: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        RunningMean().add({"x": np.ones(1)}, weight)


def test_refuses_other_names_and_shapes() -> None:
    running = RunningMean()
    running.add({"x": np.ones(3)}, 1)
    with pytest.raises(ValueError, match="y"):
        running.add({"y": np.ones(3)}, 1)
    with pytest.raises(ValueError, match=r"x has shape \(4,\)"):
        running.add({"x": np.ones(4)}, 1)


def test_an_empty_mean_is_refused() -> None:
    with pytest.raises(ValueError, match="no model"):
        RunningMean().mean()


def in_one_block(values: list[float]) -> FlatArrays:
    """Two arrays, "a" of two values and "b" of one, with a gap between them."""
    layout = Layout(names=("a", "b"), shapes=((2,), (1,)), strides=((1,), (1,)), offsets=(0, 3), size=4)
    return FlatArrays(layout, np.array([values[0], values[1], 0, values[2]], np.float32))


def test_models_in_one_block_have_the_mean_of_models_in_many():
    blocks, arrays = RunningMean(), RunningMean()
    for values, weight in (([1.0, 2.5, 3.0], 1), ([0.1, -4.0, 8.0], 3)):
        blocks.add(in_one_block(values), weight)
        arrays.add(dict(in_one_block(values)), weight)
    found, expected = blocks.mean(), arrays.mean()
    assert isinstance(found, FlatArrays)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_model_in_many_arrays_may_follow_one_in_a_block():
    mean = RunningMean()
    mean.add(in_one_block([1, 2, 3]), 1)
    mean.add(dict(in_one_block([3, 4, 5])), 1)
    mean.add(in_one_block([2, 3, 4]), 2)
    assert {name: array.tolist() for name, array in mean.mean().items()} == {"a": [2, 3], "b": [4]}
