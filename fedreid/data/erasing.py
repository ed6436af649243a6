"""Random erasing of a whole batch, in numpy: the same pixels on every engine and every device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MEAN_COLOUR = (124, 116, 104)  # 255 times ImageNet's mean, rounded: about 0 once the network's input is normalised
BLOCKS, ATTEMPTS = 10, 10  # rectangles are drawn up to 100 times; nearly always the first ten hold one that fits


def erase(
    images: np.ndarray,
    probability: float,
    generator: np.random.Generator,
    *,
    area: tuple[float, float] = (0.02, 0.4),
    aspect: tuple[float, float] = (0.3, 3.3),
    fill: Sequence[int] = MEAN_COLOUR,
) -> np.ndarray:
    """Paint over one random rectangle in some of the images.

    Zhong et al., Random Erasing Data Augmentation, AAAI 2020. Area and aspect are uniform in their ranges; a rectangle
    that doesn't fit is drawn again, up to 100 times, after which the image stays whole.

    Args:
        images: (batch, height, width, 3) uint8; not changed.
        probability: of each image to be erased.
        generator: what is drawn depends on the number and size of the images and on the settings, never on pixels.
        area: smallest and largest share of the image that a rectangle covers, before rounding to pixels.
        aspect: smallest and largest height / width.
        fill: red, green and blue of the rectangle.

    Returns:
        uint8 of the same shape, C-contiguous, a new array.

    Raises:
        ValueError: images that aren't (batch, height, width, 3) uint8, or a setting out of its range.
    """
    _check(images, probability, area, aspect, fill)
    batch, height, width, _ = images.shape
    is_chosen = generator.random(batch) < probability
    down, across = generator.random((2, batch))
    heights, widths = draw_sizes(batch, height, width, generator, area=area, aspect=aspect)
    tops, lefts = (down * (height - heights + 1)).astype(np.int64), (across * (width - widths + 1)).astype(np.int64)
    erased = images.copy(order="C")
    canvas = np.full(images.shape[1:], fill, dtype=np.uint8)  # copying rows is faster than repeating three bytes
    rectangles = np.stack([np.arange(batch), tops, lefts, heights, widths], axis=1)[is_chosen]
    for image, top, left, tall, wide in rectangles.tolist():
        erased[image, top : top + tall, left : left + wide] = canvas[:tall, :wide]
    return erased


def draw_sizes(
    batch: int,
    height: int,
    width: int,
    generator: np.random.Generator,
    *,
    area: tuple[float, float],
    aspect: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Heights and widths of one rectangle for each image, (batch,) both; 0 by 0 where none of 100 fits."""
    sizes = np.zeros((2, batch), dtype=np.int64)
    is_missing = np.ones(batch, dtype=bool)
    for _ in range(BLOCKS):
        shares, aspects = generator.random((2, ATTEMPTS, batch))
        shares, aspects = (low + (high - low) * draws for (low, high), draws in ((area, shares), (aspect, aspects)))
        heights, widths = rectangle(shares, aspects, height, width)
        fits = heights > 0
        first = fits.argmax(axis=0)  # 0 if none fits, and there the size is 0 by 0
        found = np.stack([heights, widths])[:, first, np.arange(batch)]
        sizes[:, is_missing] = found[:, is_missing]
        is_missing &= ~fits.any(axis=0)
        if not is_missing.any():
            break
    return sizes[0], sizes[1]


def rectangle(shares: np.ndarray, aspects: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole heights and widths from shares of the area and from height / width; 0 by 0 where that doesn't fit.

    A rectangle fits that is lower and narrower than the image, and not empty.
    """
    pixels = shares * (height * width)
    heights, widths = (np.rint(np.sqrt(side)).astype(np.int64) for side in (pixels * aspects, pixels / aspects))
    fits = (heights > 0) & (heights < height) & (widths > 0) & (widths < width)
    return heights * fits, widths * fits


def _check(
    images: np.ndarray,
    probability: float,
    area: tuple[float, float],
    aspect: tuple[float, float],
    fill: Sequence[int],
) -> None:
    if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise ValueError(f"images must be (batch, height, width, 3) uint8, found {images.shape} {images.dtype}")
    if not 0 <= probability <= 1:
        raise ValueError(f"probability must be from 0 to 1, found {probability}")
    if not 0 < area[0] <= area[1] <= 1:
        raise ValueError(f"area must be two rising shares above 0 and up to 1, found {area}")
    if not 0 < aspect[0] <= aspect[1] < np.inf:
        raise ValueError(f"aspect must be two rising ratios above 0, found {aspect}")
    if len(fill) != 3 or not all(0 <= value <= 255 for value in fill):
        raise ValueError(f"fill must be three values from 0 to 255, found {fill}")
