"""Small images of made-up people, each of one colour with noise: a network can learn them in seconds."""

from __future__ import annotations

import numpy as np

from fedreid.data.image_set import ImageSet
from fedreid.scenario.schema import ModelSettings

MODEL = ModelSettings(backbone="resnet10", width=0.125, embedding_dim=16)


def made_up_images(
    identities: int = 4, each: int = 6, height: int = 16, width: int = 8, seed: int = 0, noise: int = 20
) -> ImageSet:
    """Image i is of identity i % identities, on camera (i // identities) % 2."""
    generator = np.random.default_rng(seed)
    colours = generator.integers(40, 216, (identities, 1, 1, 3))
    count = identities * each
    pixels = colours[np.arange(count) % identities] + generator.integers(-noise, noise + 1, (count, height, width, 3))
    return ImageSet(
        [pixels.astype(np.uint8)],
        sources=np.zeros(count, np.int64),
        rows=np.arange(count),
        identities=np.arange(count) % identities,
        cameras=np.arange(count) // identities % 2,
    )
