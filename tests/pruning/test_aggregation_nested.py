"""The mean over coverage where each tier lies within the next wider one: the bits of sums over the whole network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.pruning.aggregation import CoverageMean
from fedreid.pruning.maps import TensorMap
from fedreid.pruning.slicing import slice_state
from tests.pruning.slices import SHAPES, Client, flat, outer_product, random_arrays


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
