"""What synthetic datasets need to know of a format: how to write it, its bounds, and what each image shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from fedreid.data.formats.market1501 import FOLDERS
from fedreid.data.synthetic.layouts import Put, Shot
from fedreid.data.synthetic.layouts.sizes import LayoutSize
from fedreid.data.synthetic.source import FIRST_DISTRACTOR, shots
from fedreid.errors import UserError
from fedreid.scenario.source_schema import SyntheticSource

Bounds = tuple[int, int]  # least and most, both included
Box = tuple[int, int, int, int]  # left, top, right, bottom: of an image of 64 x 128 pixels

SPLIT_OF = {folder: split for split, folder in FOLDERS.items()}


class View(NamedTuple):
    """What an image shows: whom (a number for their looks), through which of the site's cameras, when, and cut how."""

    looks: int
    camera: int
    frame: int
    box: Box | None = None


def as_numbered(shot: Shot) -> View:
    """Identities from 1 are people; 0 (distractors) and -1 (junk) are somebody else in each image."""
    looks = shot.identity if shot.identity > 0 else nobody(shot.identity, shot.number)
    return View(looks, shot.camera, shot.number)


def from_zero(shot: Shot) -> View:
    """Identities count from 0."""
    return View(shot.identity + 1, shot.camera, shot.number)


def nobody(identity: int, number: int) -> int:
    """The looks of a distractor (identity 0) or of somebody on a junk image (-1)."""
    return (1 - identity) * FIRST_DISTRACTOR + number


@dataclass(frozen=True)
class Plan:
    """How a format, or a variant of it, is written.

    Attributes:
        write: gives every image to a `Put`, and writes the lists.
        people: as many as names can tell apart, training and test together.
        cameras: bounds of the number of cameras.
        images: bounds of the number of images of a person on a camera.
        view: what an image shows.
        needs: libraries that write the lists, as packages.
        finish: called when all images are there.
    """

    write: Callable[[Path, LayoutSize, Put], None]
    people: int = 9_999
    cameras: Bounds = (2, 99)
    images: Bounds = (1, 99)
    view: Callable[[Shot], View] = as_numbered
    needs: tuple[str, ...] = ()
    finish: Callable[[Path, LayoutSize], None] | None = None

    def fitted(self, format: str, size: LayoutSize) -> LayoutSize:
        """The size with its cameras and images within bounds.

        Raises:
            UserError: there are more people than the format's names can tell apart.
        """
        if size.people > self.people:
            raise UserError(
                f"{format}: its names have numbers for {self.people:,} people at most, found {size.identities:,} for "
                f"training and {size.test_identities:,} for the test.\n  Take fewer."
            )
        return replace(
            size,
            cameras=_within(size.cameras, self.cameras),
            images_per_camera=_within(size.images_per_camera, self.images),
        )


def shots_of(size: LayoutSize, *, distractors: bool = False) -> list[Shot]:
    """Who is seen where: the people of the source `synthetic`, training first, and its distractors (identity 0)."""
    source = SyntheticSource(
        format="synthetic",
        identities=size.identities,
        test_identities=size.test_identities,
        cameras=size.cameras,
        images_per_camera=size.images_per_camera,
        domain=size.domain,
        seed=size.seed,
    )
    listed = [Shot(shot.identity, shot.camera, shot.frame, SPLIT_OF[shot.folder]) for shot in shots(source)]
    return [shot for shot in listed if distractors or shot.identity]


def cameras_of(size: LayoutSize) -> dict[int, list[int]]:
    """Which cameras see each person, from 1."""
    seen: dict[int, set[int]] = {}
    for shot in shots_of(size):
        seen.setdefault(shot.identity, set()).add(shot.camera)
    return {person: sorted(cameras) for person, cameras in seen.items()}


def _within(wanted: int, bounds: Bounds) -> int:
    return min(max(wanted, bounds[0]), bounds[1])
