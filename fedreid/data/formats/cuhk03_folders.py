"""CUHK03 re-packed for the new protocol into Market-1501's layout ("CUHK03-NP"): 1,467 people, 2 cameras each.

Zhong et al., Re-ranking Person Re-identification with k-reciprocal Encoding, CVPR 2017; images of Li et al., DeepReID,
CVPR 2014 (see `cuhk03`). As published:

    cuhk03-np/detected/ and cuhk03-np/labeled/, with in each
        bounding_box_train/   767 identities, 7,365 images (labelled: 7,368)
        query/                700 identities, 1,400 images
        bounding_box_test/    700 identities, 5,332 images (labelled: 5,328)

A name such as 0003_c1_21.png says identity 3, camera 1. "Detected" boxes come from a detector, "labelled" ones were
drawn by hand: two versions of the same photographs, of which published figures use either.

Licence: for research only, as CUHK03.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from fedreid.data.formats.three_folders import FOLDERS, Layout, read_three_folders
from fedreid.data.formats.vendor_files import Counts, Vendor
from fedreid.data.tables import ImageTable
from fedreid.errors import UserError

Boxes = Literal["detected", "labelled"]

VENDORS_WORD = {"detected": "detected", "labelled": "labeled"}  # as in names of folders and files
PUBLISHED: dict[str, dict[str, Counts]] = {
    "detected": {"train": (767, 7_365), "query": (700, 1_400), "gallery": (700, 5_332)},
    "labelled": {"train": (767, 7_368), "query": (700, 1_400), "gallery": (700, 5_328)},
}
NAME = re.compile(r"(?!0+_)([0-9]{1,9})_c([0-9]{1,9})_.+")


def read_cuhk03_folders(
    name: str, folder: Path, *, verify_counts: bool = True, boxes: Boxes = "detected"
) -> ImageTable:
    """The table of one version of CUHK03-NP.

    Args:
        name: the source's name in the scenario.
        folder: cuhk03-np, the folder around it, or (of the version wanted) the folder with the three folders.
        verify_counts: refuse anything but the whole version.
        boxes: the version.

    Raises:
        UserError: a folder is missing or empty, or the other version's by its name, a file's name doesn't fit, or the
            counts aren't the published ones.
    """
    table = read_three_folders(name, folder, _layout(boxes), verify_counts=verify_counts)
    _refuse_other_boxes(name, table.root, boxes)
    return table


def is_in_folders(folder: Path, boxes: Boxes) -> bool:
    """Whether that version lies there in three folders."""
    insides = ("", *_layout(boxes).vendor.nested)
    return any(all((folder / inside / part).is_dir() for part in FOLDERS.values()) for inside in insides)


def _refuse_other_boxes(name: str, root: Path, boxes: Boxes) -> None:
    """Only the folder's name tells the versions apart: files in them are named alike."""
    for other, word in VENDORS_WORD.items():
        if other != boxes and word in root.name.lower() and VENDORS_WORD[boxes] not in root.name.lower():
            raise UserError(
                f"{name}: {root} is the {other} version by its name, and data.sources.{name}.boxes = {boxes!r}.\n"
                f"  Set boxes = {other!r}, or path to the folder of the {boxes} version."
            )


def _layout(boxes: Boxes) -> Layout:
    word = VENDORS_WORD[boxes]
    nested = (word, f"cuhk03-np/{word}", f"CUHK03-NP/{word}", f"cuhk03-np-{word}")
    return Layout(
        Vendor(f"CUHK03-NP ({boxes})", nested), NAME, "0003_c1_21.png (identity 3, camera 1)", PUBLISHED[boxes]
    )
