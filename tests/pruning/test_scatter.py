"""Slices and their way back into whole arrays, as NumPy's own indexing has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.pruning.places import slice_arrays
from fedreid.pruning.slicing import scatter, scatter_add, slice_state
from tests.pruning.slices import SHAPES, flat, outer_product, random_arrays, random_map


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
