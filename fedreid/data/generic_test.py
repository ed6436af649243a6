"""People nobody trained on: queries, and the gallery in which they are looked for; of faces, pairs or templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedreid.data.faces.face_tests import FaceLists
from fedreid.data.image_set import ImageSet


@dataclass(frozen=True, eq=False)
class GenericTest:
    """A test set, embedded once; its figures are means over its draws.

    Attributes:
        images: every image of it, once.
        draws: positions in `images` of the queries and of the gallery, for each random half of the protocol; one
            draw where the protocol fixes who is asked.
    """

    images: ImageSet
    draws: Sequence[tuple[np.ndarray, np.ndarray]]

    def sets(self, draw: int = 0) -> tuple[ImageSet, ImageSet]:
        """Queries and gallery of one draw."""
        query, gallery = self.draws[draw]
        return self.images.subset(query), self.images.subset(gallery)


@dataclass(frozen=True, eq=False)
class FaceTest:
    """A test on pairs of faces, or on templates of them, whose images are embedded once.

    Attributes:
        images: every image of it, once.
        lists: what is compared with what, by places in `images`.
    """

    images: ImageSet
    lists: FaceLists
