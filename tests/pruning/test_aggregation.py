"""The mean over coverage: oracle O9 of the pruning specification, its definition, and what it reduces to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.models.running_mean import RunningMean
from fedreid.pruning.aggregation import MOST_SUMS, CoverageMean
from fedreid.pruning.maps import TensorMap
from fedreid.pruning.slicing import slice_state
from tests.pruning.slices import SHAPES, Client, flat, outer_product, random_arrays, random_map

# O9: a 1x1 convolution with 3 outputs and 2 inputs, and the scale of the BatchNorm behind it.
PREVIOUS = {
    "conv.weight": np.array([[1.0, 2], [3, 4], [5, 6]]).reshape(3, 2, 1, 1),
    "bn.weight": np.array([10.0, 20, 30]),
}
MAPS: dict[str, TensorMap] = {
    "k1": {},
    "k2": {"conv.weight": (np.array([0, 2]), None), "bn.weight": (np.array([0, 2]), None)},
    "k3": {"conv.weight": (np.array([0]), np.array([1])), "bn.weight": (np.array([0]), None)},
}
K1 = {"conv.weight": np.array([[2.0, 2], [4, 4], [6, 6]]).reshape(3, 2, 1, 1), "bn.weight": np.array([1.0, 2, 3])}
K2 = {"conv.weight": np.array([[1.0, 5], [9, 0]]).reshape(2, 2, 1, 1), "bn.weight": np.array([4.0, 6])}
K3 = {"conv.weight": np.array([[8.0]]).reshape(1, 1, 1, 1), "bn.weight": np.array([0.0])}
ALL: list[Client] = [("k1", K1, 100), ("k2", K2, 50), ("k3", K3, 150)]


def mean_of(clients: Sequence[Client]) -> CoverageMean:
    mean = CoverageMean(PREVIOUS, MAPS)
    for tier, arrays, weight in clients:
        mean.add(arrays, weight, tier)
    return mean


def test_oracle_o9_weighted_by_samples() -> None:
    mean = mean_of(ALL)
    found = mean.mean()
    expected = [[1.666667, 5.5], [4, 4], [7, 4]]
    np.testing.assert_allclose(found["conv.weight"][..., 0, 0], expected, rtol=1e-6)
    assert mean.coverage["conv.weight"].least_weight == 100
    assert mean.coverage["conv.weight"].share == 1


def test_oracle_o9_uniform() -> None:
    found = mean_of([(tier, arrays, 1) for tier, arrays, _ in ALL]).mean()
    np.testing.assert_allclose(found["conv.weight"][..., 0, 0], [[1.5, 5], [4, 4], [7.5, 3]])


def test_oracle_o9_untouched_places_stay_and_a_learnt_zero_counts() -> None:
    mean = mean_of(ALL[1:])
    found = mean.mean()
    np.testing.assert_allclose(found["conv.weight"][..., 0, 0], [[1, 7.25], [3, 4], [9, 0]])
    coverage = mean.coverage["conv.weight"]
    is_covered = np.broadcast_to(coverage.is_covered, (3, 2, 1, 1))[..., 0, 0]
    np.testing.assert_array_equal(is_covered, [[True, True], [False, False], [True, True]])
    assert coverage.share == pytest.approx(2 / 3)
    assert coverage.least_weight == 0


def test_oracle_o9_batchnorm_scale() -> None:
    np.testing.assert_allclose(mean_of([(t, a, 1) for t, a, _ in ALL]).mean()["bn.weight"], [5 / 3, 2, 4.5])


@pytest.mark.parametrize(("clients", "expected"), [(ALL, [1, 2, 4]), (ALL[1:], [1, 20, 6])])
def test_oracle_o9_batchnorm_scale_by_samples(clients: list[Client], expected: list[float]) -> None:
    np.testing.assert_allclose(mean_of(clients).mean()["bn.weight"], expected)


def test_uncovered_places_keep_their_bits() -> None:
    """Minus zero, denormals and nan too: nothing is computed there."""
    previous = {"w": np.array([[-0.0, 1e-45], [np.nan, 3.0]], np.float32)}
    mean = CoverageMean(previous, {"t": {"w": (np.array([1]), np.array([1]))}})
    mean.add({"w": np.array([[7.0]], np.float32)}, 2.0, "t")
    found = mean.mean()["w"]
    assert found.dtype == np.float32
    assert found[1, 1] == 7
    np.testing.assert_array_equal(
        found.view(np.uint32)[[0, 0, 1], [0, 1, 0]], previous["w"].view(np.uint32)[[0, 0, 1], [0, 1, 0]]
    )


def by_definition(
    previous: dict[str, np.ndarray], maps: dict[str, TensorMap], clients: list[Client]
) -> dict[str, np.ndarray]:
    """Section 9.4 word by word: num, den of the full shape, one client after the other."""
    result = {}
    for name, before in previous.items():
        numerator, weights = np.zeros(before.shape), np.zeros(before.shape)
        for tier, arrays, weight in clients:
            rows, columns = maps[tier].get(name, (None, None))
            where = outer_product(before.shape, rows, columns)
            numerator[where] += weight * arrays[name].astype(np.float64)
            weights[where] += weight
        with np.errstate(invalid="ignore"):
            result[name] = np.where(weights > 0, numerator / weights, before)
    return result


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, MOST_SUMS + 3))
def test_is_what_the_definition_says_whatever_the_order(seed: int, clients: int, tiers: int) -> None:
    rng = np.random.default_rng(seed)
    previous, maps = random_arrays(rng), {str(number): random_map(rng) for number in range(tiers)}
    chosen: list[Client] = []
    for number in range(clients):
        tier = str(number % tiers)
        chosen.append((tier, slice_state(random_arrays(rng), maps[tier]), float(rng.integers(1, 500))))
    expected = by_definition(previous, maps, chosen)
    for order in (np.arange(clients), rng.permutation(clients)):
        mean = CoverageMean({name: values.astype(np.float64) for name, values in previous.items()}, maps)
        for place in order:
            mean.add(chosen[place][1], chosen[place][2], chosen[place][0])
        for name, values in mean.mean().items():
            np.testing.assert_allclose(values, expected[name], rtol=1e-12, atol=1e-12)


def test_more_tiers_than_sums_are_the_same_mean() -> None:
    """Where every client has a map, sums are put in their places on the way."""
    rng = np.random.default_rng(1)
    count = MOST_SUMS + 5
    previous, maps = random_arrays(rng), {str(number): random_map(rng) for number in range(count)}
    clients: list[Client] = [(str(n), slice_state(random_arrays(rng), maps[str(n)]), n + 1.0) for n in range(count)]
    mean = CoverageMean(previous, maps)
    for tier, arrays, weight in clients:
        mean.add(arrays, weight, tier)
    expected = by_definition(previous, maps, clients)
    for name, values in mean.mean().items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6)
    reopened = CoverageMean(previous, maps)
    for tier, arrays, weight in clients:
        reopened.add(arrays, weight, tier)
    with pytest.raises(ValueError, match="at most 8 tiers may be mixed"):
        reopened.add(clients[0][1], 1.0, clients[0][0])


@pytest.mark.parametrize("is_flat", [True, False])
def test_whole_slices_give_the_running_means_bits(is_flat: bool) -> None:
    rng = np.random.default_rng(2)
    made = [random_arrays(rng) for _ in range(5)]
    models = [flat(each) if is_flat else each for each in made]
    plain, mean = RunningMean(), CoverageMean(models[0], {"whole": {}})
    for number, model in enumerate(models):
        plain.add(model, 3.0 + number)
        mean.add(model, 3.0 + number, "whole")
    expected = plain.mean()
    for name, values in mean.mean().items():
        np.testing.assert_array_equal(values.view(np.uint32), np.asarray(expected[name]).view(np.uint32))


def test_one_client_is_a_scatter_and_disjoint_ones_are_copied() -> None:
    rng = np.random.default_rng(3)
    previous = random_arrays(rng)
    upper, lower = np.array([0, 1, 2]), np.array([3, 4, 5])
    maps = {name: dict.fromkeys(SHAPES, (rows, None)) for name, rows in (("upper", upper), ("lower", lower))}
    slices = {name: slice_state(random_arrays(rng), maps[name]) for name in maps}
    alone = CoverageMean(previous, maps)
    alone.add(slices["upper"], 17.0, "upper")
    found = alone.mean()
    for name in SHAPES:
        np.testing.assert_allclose(found[name][upper], slices["upper"][name], rtol=1e-7)
        np.testing.assert_array_equal(found[name][lower], previous[name][lower])
    both = CoverageMean(previous, maps)
    both.add(slices["upper"], 17.0, "upper")
    both.add(slices["lower"], 4.0, "lower")
    found = both.mean()
    for name in SHAPES:
        np.testing.assert_allclose(
            found[name], np.concatenate([slices["upper"][name], slices["lower"][name]]), rtol=1e-7
        )


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="no slice"):
        CoverageMean(PREVIOUS, MAPS).mean()
    with pytest.raises(ValueError, match=r"tier k2, array conv.weight: expected a slice of shape \(2, 2, 1, 1\)"):
        mean_of([("k2", K1, 1)])
    with pytest.raises(ValueError, match="other arrays"):
        mean_of([("k1", {**K1, "head.weight": np.zeros(1)}, 1)])
    with pytest.raises(ValueError, match="positive"):
        mean_of([("k1", K1, 0)])
    with pytest.raises(KeyError):
        mean_of([("k9", K1, 1)])
