"""3DPeS: 192 people of a campus, on up to 8 cameras over several days.

Baltieri, Vezzani and Cucchiara, 3DPeS: 3D People Dataset for Surveillance and Forensics, J-HGBU 2011. As published:

    3DPeS/RGB/100_3_FRAME_26_RGB.bmp ...     1,011 images of 192 identities

A name such as 100_3_FRAME_26_RGB.bmp says person 100, view 3 (then the frame, which isn't used). A view is taken for a
camera, as in other toolkits. The vendor has no protocol. Here half of the people are the test, as far as they have two
views; half of a person's views (rounded down) are queries and the others gallery. Ten draws are shipped (see `draws`).

Licence: for research only, with citation.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedreid.data.formats.draws import drawn_order, first_of, shipped_order
from fedreid.data.formats.vendor_files import Counts, Vendor, images_in, refuse_split
from fedreid.data.formats.vendor_lists import drawn_table, find_images
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

VENDOR = Vendor("3DPeS", ("3DPeS", "3DPeS_ReId_Snap/3DPeS", "3dpes/3DPeS", "3DPeS_ReId_Snap", "3dpes"))
INSIDE = "RGB"
SUFFIXES = (".bmp", ".png", ".jpg")  # the vendor's, and what copies were converted to
PUBLISHED: Counts = (192, 1_011)  # identities, images
SPLITS = 10
NUMBERS = 999  # of the people in lists/3dpes.txt, more than there are
NAME = re.compile(r"(?!0+_)([0-9]{1,9})_([0-9]{1,9})(?![0-9])[0-9B_]*_FRAME_[0-9]+_RGB\.\w+", re.ASCII)


def read_3dpes(name: str, folder: Path, *, verify_counts: bool = True, split: int = 0) -> ImageTable:
    """The table of one draw of 3DPeS.

    Args:
        name: the source's name in the scenario.
        folder: where the images are, or one of the folders around them.
        verify_counts: refuse anything but the whole dataset.
        split: which of the 10 draws, from 0.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit, or the counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_images(name, folder, VENDOR, INSIDE, SUFFIXES)
    images = [(file, *_parsed(root, file)) for file in images_in(root, SUFFIXES)]
    views: dict[int, set[int]] = {}
    for _, person, view in images:
        views.setdefault(person, set()).add(view)
    possible = {person for person, seen in views.items() if len(seen) > 1}
    tested = first_of(shipped_order("3dpes", split), possible, len(views) // 2)
    queried = {person: _drawn_views(person, views[person], split) for person in tested}
    rows: list[Row] = []
    for file, person, view in images:
        test_split = "query" if view in queried.get(person, ()) else "gallery"
        rows.append((file, person, view, test_split if person in tested else "train"))
    found = (len(views), len(images))
    return drawn_table(name, root, rows, VENDOR, found=found, published=PUBLISHED, verify_counts=verify_counts)


def person_and_view(file: str) -> tuple[int, int] | None:
    """What a file's name says: (person, view), or None where it isn't such a name."""
    match = NAME.fullmatch(file)
    return (int(match[1]), int(match[2])) if match else None


def _drawn_views(person: int, views: set[int], split: int) -> set[int]:
    return set(drawn_order(f"3dpes {person}", split, views)[: len(views) // 2])


def _parsed(root: Path, file: str) -> tuple[int, int]:
    if (said := person_and_view(file)) is None:
        raise UserError(
            f"{root / file}: expected a name like 100_3_FRAME_26_RGB.bmp (person 100, view 3; people count from 1).\n"
            "  Rename the file or take it out of the folder."
        )
    return said
