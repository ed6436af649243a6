"""Sets of cached images: the right pixels with the right labels."""

from __future__ import annotations

import numpy as np
import pytest

from fedreid.data.image_set import ImageSet

BILLION = 1_000_000_000


def test_a_batch_is_contiguous_and_in_the_order_asked_for() -> None:
    caches = [
        np.arange(4 * 12, dtype=np.uint8).reshape(4, 2, 2, 3),
        np.arange(100, 136, dtype=np.uint8).reshape(3, 2, 2, 3),
    ]
    images = ImageSet(
        caches, np.array([0, 1, 1, 0]), np.array([3, 0, 2, 1]), np.array([5, 5, 7, 2]), np.array([1, -1, 2, 3])
    )
    batch = images.batch(np.array([2, 0, 2]))
    assert batch.flags["C_CONTIGUOUS"]
    assert batch.dtype == np.uint8
    assert (batch == np.stack([caches[1][2], caches[0][3], caches[1][2]])).all()
    assert images.identities.tolist() == [5, BILLION + 5, BILLION + 7, 2]
    assert images.labels.tolist() == [1, 2, 3, 0]
    assert images.cameras.tolist() == [1, -1, 2, 3]
    with pytest.raises(IndexError):
        images.batch(np.array([4]))


def test_an_empty_set_has_no_people() -> None:
    none = np.zeros(0, dtype=np.int64)
    images = ImageSet([np.zeros((1, 2, 2, 3), dtype=np.uint8)], none, none, none, none)
    assert (len(images), images.num_identities, images.batch(none).shape) == (0, 0, (0, 2, 2, 3))
