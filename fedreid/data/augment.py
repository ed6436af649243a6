"""Random mirroring, shifting and erasing of a whole batch, in numpy: the same pixels on every engine and device."""

from __future__ import annotations

import numpy as np

from fedreid.data.erasing import erase
from fedreid.scenario.schema import AugmentSettings


def augment(images: np.ndarray, settings: AugmentSettings, generator: np.random.Generator) -> np.ndarray:
    """Mirror half of the images, cut each one out of itself padded with black at a random place, erase some.

    Args:
        images: (batch, height, width, 3) uint8; not changed.
        generator: what is drawn depends on the batch size and the settings only.

    Returns:
        uint8 of the same shape, C-contiguous.
    """
    if settings.flip:
        images = flip(images, generator.integers(0, 2, len(images), dtype=np.int8).astype(bool))
    if settings.crop_padding:
        shifts = generator.integers(0, 2 * settings.crop_padding + 1, (2, len(images)), dtype=np.int64)
        images = crop(images, settings.crop_padding, shifts[0], shifts[1])
    if settings.erasing:
        images = erase(images, settings.erasing, generator)
    return images


def flip(images: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Mirror left and right where `chosen` (batch,) is true."""
    mirrored = images.copy()
    mirrored[chosen] = images[chosen, :, ::-1]
    return mirrored


def crop(images: np.ndarray, padding: int, tops: np.ndarray, lefts: np.ndarray) -> np.ndarray:
    """Pad with black on all sides, then cut windows of the original size at (top, left) of each padded image."""
    batch, height, width, channels = images.shape
    padded = np.zeros((batch, height + 2 * padding, width + 2 * padding, channels), dtype=np.uint8)
    padded[:, padding : padding + height, padding : padding + width] = images
    # Every window as a view; indexing copies one for each image.
    steps = padded.strides
    windows = np.lib.stride_tricks.as_strided(
        padded,
        shape=(batch, 2 * padding + 1, 2 * padding + 1, height, width, channels),
        strides=(steps[0], steps[1], steps[2], steps[1], steps[2], steps[3]),
        writeable=False,
    )
    return windows[np.arange(batch), tops, lefts]
