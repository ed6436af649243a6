"""Tables of made-up images, for tests of what happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedreid.data.tables import ImageTable, Row, image_table


def table(
    name: str = "site", people: int = 12, cameras: int = 3, images: int = 2, test_people: int = 3, first: int = 0
) -> ImageTable:
    """`people` training identities from `first` on, each with `images` images on each of `cameras` cameras (from 1).

    `test_people` further identities have one query on each camera, and `images` gallery images.
    """
    rows: list[Row] = []
    for identity in range(first, first + people):
        rows += _images(identity, cameras, images, "train")
    for identity in range(first + people, first + people + test_people):
        rows += _images(identity, cameras, 1, "query") + _images(identity, cameras, images, "gallery")
    return of_rows(name, rows)


def of_rows(name: str, rows: Sequence[Row]) -> ImageTable:
    """A table of (path, identity, camera, split), in a table's order."""
    return image_table(name, Path("/data") / name, rows)


def _images(identity: int, cameras: int, images: int, split: str) -> list[Row]:
    return [
        (f"{split}/{identity:04d}_c{camera}_{image}.jpg", identity, camera, split)
        for camera in range(1, cameras + 1)
        for image in range(images)
    ]
