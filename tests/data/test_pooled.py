"""Several sets of a federation as one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.image_set import SOURCE_STRIDE, ImageSet
from fedreid.data.pooled import pooled

CACHES = [
    np.arange(8 * 12, dtype=np.uint8).reshape(8, 2, 2, 3),
    np.arange(100, 100 + 5 * 12, dtype=np.uint8).reshape(5, 2, 2, 3),
]


def images(sources: list[int], rows: list[int], identities: list[int], cameras: list[int] | None = None) -> ImageSet:
    columns = [np.array(column) for column in (sources, rows, identities, cameras or [1] * len(rows))]
    return ImageSet(CACHES, *columns)


def test_images_follow_each_other_set_after_set() -> None:
    first, second = images([0, 0, 1], [3, 1, 4], [7, 2, 2], [1, -1, 2]), images([1, 0], [0, 7], [5, 9], [3, 1])
    both = pooled([first, second])
    assert len(both) == 5
    expected = np.concatenate([first.batch(np.arange(3)), second.batch(np.arange(2))])
    np.testing.assert_array_equal(both.batch(np.arange(5)), expected)
    assert both.identities.tolist() == [7, 2, SOURCE_STRIDE + 2, SOURCE_STRIDE + 5, 9]
    assert both.labels.tolist() == [1, 0, 3, 4, 2]
    assert both.num_identities == 5
    np.testing.assert_array_equal(both.cameras, np.concatenate([first.cameras, second.cameras]))


def test_a_person_whom_two_sets_show_is_one_identity() -> None:
    """Clients by camera have the same people."""
    both = pooled([images([0, 0], [0, 1], [4, 5]), images([0, 0], [2, 3], [5, 6])])
    assert both.labels.tolist() == [0, 1, 1, 2]
    assert both.num_identities == 3


@given(st.lists(st.integers(0, 7), min_size=1, max_size=20), st.data())
def test_a_set_that_is_cut_into_parts_comes_back(rows: list[int], data: st.DataObject) -> None:
    whole = images([0] * len(rows), rows, rows)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(rows) - 1)), max_size=3)) if len(rows) > 1 else [])
    parts = [whole.subset(part) for part in np.split(np.arange(len(rows)), cuts)]
    again = pooled(parts)
    for name in ("identities", "cameras", "labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))
    everything = np.arange(len(rows))
    np.testing.assert_array_equal(again.batch(everything), whole.batch(everything))


def test_sets_of_different_federations_are_refused() -> None:
    first = images([0], [0], [1])
    other = ImageSet([cache.copy() for cache in CACHES], *(np.array([0]) for _ in range(4)))
    fewer = ImageSet(CACHES[:1], *(np.array([0]) for _ in range(4)))
    for wrong in (other, fewer):
        with pytest.raises(ValueError, match="must view the same caches: number 1 views others than number 0"):
            pooled([first, wrong])


def test_nothing_can_not_be_pooled() -> None:
    with pytest.raises(ValueError, match="at least one set of images, found none"):
        pooled([])
