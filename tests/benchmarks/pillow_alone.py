"""Decoding with Pillow and nothing else: what `dataset_cache` compares with. Imports little, as workers load it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from PIL import Image

from fedreid.data.workers import in_parallel, usable_cores


def pixels_by_pillow(path: str, size: tuple[int, int]) -> np.ndarray:
    """Decode and resize as the cache does, in the fewest lines."""
    with Image.open(path) as image:
        image.draft("RGB", (2 * max(size), 2 * max(size)))
        return np.asarray(image.convert("RGB").resize(size[::-1], Image.Resampling.BILINEAR))


def with_pillow(paths: Sequence[str], size: tuple[int, int]) -> int:
    """Decode so many images; return how many."""
    for path in paths:
        pixels_by_pillow(path, size)
    return len(paths)


def pillow_alone(paths: Sequence[str], size: tuple[int, int]) -> None:
    """All images, by one process per core.

    Args:
        paths: of the files.
        size: height and width.
    """
    parts = [paths[first : first + 128] for first in range(0, len(paths), 128)]
    done = sum(in_parallel(partial(with_pillow, size=size), parts, usable_cores()))
    if done != len(paths):
        raise RuntimeError(f"decoded {done:,} of {len(paths):,} images")
