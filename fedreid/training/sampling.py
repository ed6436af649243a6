"""How a scenario wants batches made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fedreid.data.sampling import identity_balanced_batches
from fedreid.scenario.schema import SamplingSettings

if TYPE_CHECKING:
    from fedreid.training.epochs import Batches


def batch_maker(settings: SamplingSettings, labels: np.ndarray) -> Batches | None:
    """P x K batches of these images, as many people in each as there are, or None for shuffled images."""
    if not settings.identities:
        return None
    people = min(settings.identities, len(np.unique(labels)))
    return partial(_balanced, labels, people, settings.images)


def _balanced(labels: np.ndarray, identities: int, images: int, generator: np.random.Generator) -> list[np.ndarray]:
    return identity_balanced_batches(labels, identities=identities, images=images, generator=generator)
