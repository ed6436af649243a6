"""The mean over coverage: oracles O9 and O10 of the pruning specification, and what it reduces to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.models.flat import FlatArrays, Layout
from fedreid.models.running_mean import RunningMean
from fedreid.pruning.aggregation import MOST_SUMS, CoverageMean, pooled
from fedreid.pruning.maps import Indices, TensorMap
from fedreid.pruning.places import slice_arrays
from fedreid.pruning.slicing import scatter, scatter_add, slice_state

Client = tuple[str, Mapping[str, np.ndarray], float]

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


SHAPES = {"conv.weight": (6, 5, 3, 3), "bn.weight": (6,), "bn.running_mean": (6,), "bn.running_var": (6,)}


def random_arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    found = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}
    found["bn.running_var"] = np.abs(found["bn.running_var"]) + np.float32(0.1)
    return found


def random_map(rng: np.random.Generator) -> TensorMap:
    rows = np.sort(rng.choice(6, rng.integers(1, 7), replace=False))
    columns = np.sort(rng.choice(5, rng.integers(1, 6), replace=False))
    rows_only = {name: (rows, None) for name in SHAPES if name.startswith("bn")}
    return {"conv.weight": (rows, columns), **rows_only}


def outer_product(shape: tuple[int, ...], rows: Indices, columns: Indices) -> tuple[np.ndarray, ...]:
    axes = [np.arange(size) for size in shape]
    for axis, ids in enumerate((rows, columns)):
        if ids is not None:
            axes[axis] = ids
    return np.ix_(*axes)


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


def flat(arrays: dict[str, np.ndarray]) -> FlatArrays:
    """In one block, convolutions with channels last, as a federation has them."""
    names, shapes, strides, offsets, size = [], [], [], [], 0
    for name, array in arrays.items():
        last = np.ascontiguousarray(array.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2) if array.ndim == 4 else array
        names.append(name)
        shapes.append(array.shape)
        strides.append(tuple(step // array.itemsize for step in last.strides))
        offsets.append(size)
        size += -(-array.size // 16) * 16
    layout = Layout(tuple(names), tuple(shapes), tuple(strides), tuple(offsets), size)
    block = FlatArrays(layout, np.zeros(size, np.float32))
    for name, array in arrays.items():
        block[name][...] = array
    return block


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


def test_oracle_o10_pooled_statistics() -> None:
    mean, variance = pooled(np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]]), np.array([100.0, 300.0]))
    np.testing.assert_allclose(mean, [1.5])
    np.testing.assert_allclose(variance, [1.75])


def test_oracle_o10_of_a_tier() -> None:
    """The same through the streaming mean: for the tier, and at its places of the whole network."""
    previous = {"bn.running_mean": np.zeros(2, np.float32), "bn.running_var": np.full(2, 9, np.float32)}
    rows: TensorMap = {name: (np.array([1]), None) for name in previous}
    mean = CoverageMean(previous, {"half": rows}, pools_statistics=True)
    for value, weight in ((0.0, 100.0), (2.0, 300.0)):
        arrays = {"bn.running_mean": np.array([value], np.float32), "bn.running_var": np.ones(1, np.float32)}
        mean.add(arrays, weight, "half")
    whole = mean.mean()
    np.testing.assert_allclose(mean.tier_statistics["half"]["bn.running_mean"], [1.5])
    np.testing.assert_allclose(mean.tier_statistics["half"]["bn.running_var"], [1.75])
    np.testing.assert_allclose(whole["bn.running_mean"], [0, 1.5])
    np.testing.assert_allclose(whole["bn.running_var"], [9, 1.75])


def test_variances_are_averaged_where_they_are_not_pooled() -> None:
    mean = CoverageMean({"bn.running_mean": np.zeros(1), "bn.running_var": np.zeros(1)}, {"t": {}})
    for value in (0.0, 2.0):
        mean.add({"bn.running_mean": np.array([value]), "bn.running_var": np.ones(1)}, 1.0, "t")
    assert mean.mean()["bn.running_var"] == 1


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


def nested_maps(rng: np.random.Generator, tiers: int) -> list[TensorMap]:
    """From the widest to the narrowest; a dimension that a tier has all of isn't narrowed."""
    maps: list[TensorMap] = []
    rows, columns = np.arange(6), np.arange(5)
    for _ in range(tiers):
        rows, columns = (
            np.sort(rng.choice(ids, rng.integers(1, len(ids) + 1), replace=False)) for ids in (rows, columns)
        )
        of_rows, of_columns = (ids if len(ids) < size else None for ids, size in ((rows, 6), (columns, 5)))
        maps.append({name: (of_rows, of_columns if name.startswith("conv") else None) for name in SHAPES})
    return maps


def tier_by_tier(
    previous: dict[str, np.ndarray], maps: dict[str, TensorMap], clients: list[Client]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The same sums in the same order, in arrays of the full shape: means in float32, and the weights."""
    means, weights = {}, {}
    for name, before in previous.items():
        numerator, denominator = np.zeros(before.shape), np.zeros(before.shape)
        for tier in dict.fromkeys(tier for tier, _, _ in clients):
            rows, columns = maps[tier][name]
            where = outer_product(before.shape, rows, columns)
            own = [(arrays[name].astype(np.float64), weight) for other, arrays, weight in clients if other == tier]
            numerator[where] += sum(weight * values for values, weight in own)
            denominator[where] += sum(weight for _, weight in own)
        divided = (numerator / np.where(denominator > 0, denominator, 1)).astype(np.float32)
        means[name], weights[name] = np.where(denominator > 0, divided, before), denominator
    return means, weights


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans(), st.booleans())
def test_nested_tiers_give_the_bits_of_sums_over_the_whole_network(
    seed: int, tiers: int, is_flat: bool, is_whole_there: bool
) -> None:
    """Whichever tier's reply comes first, and whichever of them is missing."""
    rng = np.random.default_rng(seed)
    previous, nested = random_arrays(rng), nested_maps(rng, tiers)
    if is_whole_there:
        nested.append(dict.fromkeys(SHAPES, (None, None)))
    maps = {str(number): each for number, each in enumerate(nested)}
    chosen: list[Client] = []
    for tier in rng.choice(list(maps), rng.integers(1, 6)):
        arrays = slice_state(random_arrays(rng), maps[tier])
        chosen.append((str(tier), flat(arrays) if is_flat else arrays, float(rng.uniform(0.1, 500))))
    mean = CoverageMean(flat(previous) if is_flat else previous, maps)
    for tier, arrays, weight in chosen:
        mean.add(arrays, weight, tier)
    expected, weights = tier_by_tier(previous, maps, chosen)
    for name, values in mean.mean().items():
        assert values.tobytes() == expected[name].tobytes()
        coverage, is_covered = mean.coverage[name], weights[name] > 0
        np.testing.assert_array_equal(np.broadcast_to(coverage.is_covered, values.shape), is_covered)
        assert coverage.share == pytest.approx(is_covered.mean())
        assert coverage.least_weight == pytest.approx(weights[name].min())


def test_statistics_of_nested_tiers_are_pooled_where_they_overlap() -> None:
    previous = {"bn.running_mean": np.zeros(3), "bn.running_var": np.full(3, 9.0)}
    maps: dict[str, TensorMap] = {
        tier: dict.fromkeys(previous, (rows, None)) for tier, rows in (("2", np.array([0, 2])), ("1", np.array([2])))
    }
    mean = CoverageMean(previous, maps, pools_statistics=True)
    mean.add({"bn.running_mean": np.array([5.0, 0.0]), "bn.running_var": np.array([4.0, 1.0])}, 100, "2")
    mean.add({"bn.running_mean": np.array([2.0]), "bn.running_var": np.array([1.0])}, 300, "1")
    found = mean.mean()
    np.testing.assert_allclose(found["bn.running_mean"], [5, 0, 1.5])
    np.testing.assert_allclose(found["bn.running_var"], [4, 9, 1.75])
    np.testing.assert_allclose(mean.tier_statistics["2"]["bn.running_var"], [4, 1])
    np.testing.assert_allclose(mean.tier_statistics["1"]["bn.running_var"], [1])


@given(st.integers(0, 2**32 - 1), st.sampled_from(["rows", "columns", "both"]), st.booleans(), st.booleans())
def test_slices_and_their_way_back_are_numpys(seed: int, kind: str, is_full_flat: bool, is_small_flat: bool) -> None:
    """Written and added, with channels last or not, and where the two lie differently."""
    rng = np.random.default_rng(seed)
    full, tensors = random_arrays(rng), random_map(rng)
    keep = {"rows": (1, 0), "columns": (0, 1), "both": (1, 1)}[kind]
    tensors = {
        name: (rows if keep[0] else None, columns if keep[1] else None) for name, (rows, columns) in tensors.items()
    }
    small = flat(slice_state(full, tensors))
    cut = slice_arrays(flat(full), tensors, small.layout)
    for name in SHAPES:
        np.testing.assert_array_equal(cut[name], small[name])
        rows, columns = tensors[name]
        values = rng.standard_normal(small[name].shape)
        values = values if is_small_flat else np.asarray(values, order="F")
        written = flat(full)[name] if is_full_flat else full[name].copy()
        added = written.astype(np.float64, order="K")
        where = outer_product(full[name].shape, rows, columns)
        expected, expected_sum = written.copy(), added.copy()
        expected[where] = values
        expected_sum[where] += values
        scatter(written, values, rows, columns)
        scatter_add(added, values, rows, columns)
        np.testing.assert_array_equal(written, expected)
        np.testing.assert_array_equal(added, expected_sum)


def test_read_only_memory_is_read_and_never_written() -> None:
    """Replies are views of received messages."""
    full, small, columns = np.zeros((2, 3)), np.ones((2, 1)), np.array([1], np.int32)
    for array in (small, columns):
        array.flags.writeable = False
    scatter(full, small, None, columns)
    scatter_add(full, small[:1], np.array([1]), columns)
    np.testing.assert_array_equal(full, [[0, 1, 0], [0, 2, 0]])
    full.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        scatter(full, 5 * small, None, columns)
    np.testing.assert_array_equal(full, [[0, 1, 0], [0, 2, 0]])
