"""The images of several sets as one, for central training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedreid.data.image_set import SOURCE_STRIDE, ImageSet


def pooled(sets: Sequence[ImageSet]) -> ImageSet:
    """One set of all images, set after set. A person whom several sets show (clients by camera) is one identity.

    Args:
        sets: of one federation, so that they view the same caches; at least one.

    Raises:
        ValueError: no set, or sets that view different caches.
    """
    if not sets:
        raise ValueError("pooling needs at least one set of images, found none")
    first = sets[0]
    for number, other in enumerate(sets):
        if not _view_the_same(first, other):
            raise ValueError(f"pooled sets must view the same caches: number {number} views others than number 0")
    sources = np.concatenate([each._sources for each in sets])
    return ImageSet(
        first._caches,
        sources,
        np.concatenate([each._rows for each in sets]),
        np.concatenate([each.identities for each in sets]) - sources * SOURCE_STRIDE,
        np.concatenate([each.cameras for each in sets]),
    )


def _view_the_same(first: ImageSet, second: ImageSet) -> bool:
    if len(first._caches) != len(second._caches):
        return False
    pairs = zip(first._caches, second._caches, strict=True)
    return all(one.shape == other.shape and np.may_share_memory(one, other) for one, other in pairs)
