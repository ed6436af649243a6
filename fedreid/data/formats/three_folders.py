"""Datasets that follow Market-1501's layout: bounding_box_train, query, bounding_box_test, and names with _c1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fedreid.data.formats.vendor_files import Counts, Vendor, find_root, images_in, vendor_table
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}


@dataclass(frozen=True)
class Layout:
    """How one dataset fills the three folders.

    Attributes:
        vendor: the dataset.
        pattern: of a whole file name; groups 1 and 2 are identity and camera.
        example: a name, and what it says.
        published: (identities, images) of each split.
    """

    vendor: Vendor
    pattern: re.Pattern[str]
    example: str
    published: dict[str, Counts]


def read_three_folders(name: str, folder: Path, layout: Layout, *, verify_counts: bool = True) -> ImageTable:
    """The table of a dataset in three folders.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit, or the counts aren't the published ones.
    """
    root = find_root(name, folder, layout.vendor, list(FOLDERS.values()))
    rows = [
        _row(root, f"{inside}/{file}", layout, split)
        for split, inside in FOLDERS.items()
        for file in images_in(root / inside)
    ]
    return vendor_table(name, root, rows, layout.vendor, layout.published, verify_counts=verify_counts)


def identity_and_camera(file: str, pattern: re.Pattern[str]) -> tuple[int, int] | None:
    """What a file's name says: (identity, camera), or None where it isn't such a name."""
    match = pattern.fullmatch(file)
    return (int(match[1]), int(match[2])) if match else None


def _row(root: Path, path: str, layout: Layout, split: str) -> Row:
    if (said := identity_and_camera(path.rpartition("/")[2], layout.pattern)) is None:
        raise UserError(
            f"{root / path}: expected a name like {layout.example}, as in {layout.vendor.title}.\n"
            f"  Rename the file or take it out of the folder."
        )
    return path, *said, split
