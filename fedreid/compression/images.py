"""Whom a network is trained and scored on, and whom it is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedreid.data.federation import FederationData
from fedreid.data.generic_test import FaceTest, GenericTest
from fedreid.data.image_set import ImageSet
from fedreid.data.pooled import pooled
from fedreid.errors import UserError
from fedreid.progress import Progress
from fedreid.scenario import Scenario

VALIDATION_SHARE = 0.1
FEWEST_PEOPLE = 4  # two to train on and two to tell apart


@dataclass(frozen=True)
class PruningData:
    """The images of a pruning.

    Attributes:
        training: to score channels on, and to train.
        tests: by name, people nobody trains on.
    """

    training: ImageSet
    tests: Mapping[str, GenericTest | FaceTest]


def read_images(scenario: Scenario, out: Path, which: str, progress: Progress) -> PruningData:
    """Decode and split a scenario's images; the split is written to OUT/splits, as a run does.

    Args:
        which: "public": the public people alone, what a server of a federation has; "all": every training image, also
            those that a run holds out to ask clients about: here only people nobody trained on are asked about.

    Raises:
        UserError: the data are missing or unsuitable, or nobody is public.
    """
    data = FederationData.prepare(scenario, out, progress.stage)
    public = data.public
    if which == "all":
        parts = [part(client) for client in range(data.num_clients) for part in (data.train, data.held_out)]
        sets = [images for images in (public, *parts) if images is not None and len(images)]
        training = pooled(sets)
    elif public is None:
        raise UserError(
            f"nobody is public in {scenario.name}, and --images public trains on public people.\n"
            "  Set partition.public_identities, or give --images all, which pools every client's training images."
        )
    else:
        training = public
    if training.num_identities < 2:
        raise UserError(f"pruning trains, which needs at least 2 people; found {training.num_identities}.")
    return PruningData(training, data.generic)


def validation_split(images: ImageSet, generator: np.random.Generator) -> tuple[ImageSet, ImageSet]:
    """(images to train on, images of other people to choose by): a tenth of the people, at least two.

    Raises:
        UserError: too few people.
    """
    if images.num_identities < FEWEST_PEOPLE:
        raise UserError(
            f"this schedule chooses by people that it doesn't train on, which takes at least {FEWEST_PEOPLE} in all; "
            f"found {images.num_identities}."
        )
    count = max(2, round(VALIDATION_SHARE * images.num_identities))
    chosen = generator.choice(images.num_identities, count, replace=False)
    is_chosen = np.isin(images.labels, chosen)
    return images.subset(np.flatnonzero(~is_chosen)), images.subset(np.flatnonzero(is_chosen))
