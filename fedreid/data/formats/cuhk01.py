"""CUHK01: 971 people of a campus, two images on each of two cameras.

Li, Zhao and Wang, Human Reidentification with Transferred Metric Learning, ACCV 2012. As published:

    campus/0001001.png ... 0971004.png     3,884 images, 160 x 60 pixels

A name such as 0001003.png says person 1, image 3: images 1 and 2 are from the first camera, 3 and 4 from the second.

Of the 971, 485 train and 486 are the test. Published figures are means over 20 splits: 10 draws (see `draws`), each
with the first camera as query and the second as gallery, and then the other way round. The same people are P1 of
CUHK02: a federation must not train on the one and test on the other.

Licence: for research only; the archive comes after a request to the authors.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedreid.data.formats.draws import first_of, shipped_order
from fedreid.data.formats.vendor_files import Counts, Vendor, images_in, refuse_split, vendor_table
from fedreid.data.formats.vendor_lists import find_images
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

VENDOR = Vendor("CUHK01", ("CUHK01", "cuhk01"))
INSIDE = "campus"
PUBLISHED: dict[str, Counts] = {"train": (485, 1_940), "query": (486, 972), "gallery": (486, 972)}
DRAWS = 10
SPLITS = 2 * DRAWS
NUMBERS = 971  # of the people in lists/cuhk01.txt
NAME = re.compile(r"(?!0000)([0-9]{4})00([1-4])\.\w+", re.ASCII)


def read_cuhk01(name: str, folder: Path, *, verify_counts: bool = True, split: int = 0) -> ImageTable:
    """The table of one split of CUHK01.

    Args:
        name: the source's name in the scenario.
        folder: where the images are, or one of the folders around them.
        verify_counts: refuse anything but the whole dataset.
        split: from 0 to 19: draw number `split // 2`; queries are from camera 1 in even splits, from 2 in odd ones.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit, or the counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_images(name, folder, VENDOR, INSIDE)
    images = [(file, *_parsed(root, file)) for file in images_in(root)]
    cameras: dict[int, set[int]] = {}
    for _, person, camera in images:
        cameras.setdefault(person, set()).add(camera)
    draw, odd = divmod(split, 2)
    possible = {person for person, seen_on in cameras.items() if len(seen_on) == 2}
    tested = first_of(shipped_order("cuhk01", draw), possible, len(cameras) - len(cameras) // 2)
    use = {1 + odd: "query", 2 - odd: "gallery"}
    rows: list[Row] = [
        (file, person, camera, use[camera] if person in tested else "train") for file, person, camera in images
    ]
    return vendor_table(name, root, rows, VENDOR, PUBLISHED, verify_counts=verify_counts)


def person_and_camera(file: str) -> tuple[int, int] | None:
    """What a file's name says: (person, camera), or None where it isn't such a name."""
    match = NAME.fullmatch(file)
    return (int(match[1]), (int(match[2]) + 1) // 2) if match else None


def _parsed(root: Path, file: str) -> tuple[int, int]:
    if (said := person_and_camera(file)) is None:
        raise UserError(
            f"{root / file}: expected a name like 0001003.png (person 1, image 3 of 4; people count from 1).\n"
            "  Rename the file or take it out of the folder."
        )
    return said
