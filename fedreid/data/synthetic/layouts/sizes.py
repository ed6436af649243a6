"""How large a synthetic dataset is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayoutSize:
    """How many people, cameras and images a synthetic dataset has, and which people they are.

    A format that has a number of cameras of its own (two in VIPeR), or of images, keeps it; where it only has bounds,
    the nearest number within them is taken. Formats that halve their people at random, or don't divide them at all,
    hold the training and the test people together.

    Attributes:
        identities: people for training.
        test_identities: further people, for query and gallery.
        cameras: of the site; a person is seen by at least half of them.
        images_per_camera: of each person on each camera that sees them; frames, where the format has tracklets.
        seed: of the people. Another seed or another site gives other people.
        domain: which site: clothing, light, colour, blur and backgrounds.

    Raises:
        ValueError: a number is too small or too large.
    """

    identities: int = 24
    test_identities: int = 12
    cameras: int = 4
    images_per_camera: int = 4
    seed: int = 0
    domain: int = 0

    def __post_init__(self) -> None:
        for field in ("identities", "test_identities", "cameras", "images_per_camera"):
            if getattr(self, field) < 1:
                raise ValueError(f"expected {field} of 1 or more, found {getattr(self, field)}")
        for field in ("seed", "domain"):
            if not 0 <= getattr(self, field) < 2**32:
                raise ValueError(f"expected {field} from 0 to {2**32 - 1:,}, found {getattr(self, field)}")

    @property
    def people(self) -> int:
        """All of them."""
        return self.identities + self.test_identities
