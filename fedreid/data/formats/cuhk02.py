"""CUHK02: 1,816 people of a campus on five pairs of cameras, two images on each camera.

Li and Wang, Locally Aligned Feature Transforms across Views, CVPR 2013. As published:

    Dataset/
        P1/cam1/*.png  P1/cam2/*.png      971 identities, 3,884 images
        P2 ...                            306             1,224
        P3 ...                            107               428
        P4 ...                            193               772
        P5 ...                            239               956: the test, cam1 as query and cam2 as gallery

The number in front of the first "_" in a file's name is the person, counted anew in each pair: person 7 of P2 is
identity 20007 here, and the cameras of P2 are 3 and 4. P1 shows the people of CUHK01: a federation must not train on
the one and test on the other.

Licence: for research only; the archive comes after a request to the authors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fedreid.data.formats.vendor_files import Counts, Vendor, find_root, images_in, vendor_table
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

VENDOR = Vendor("CUHK02", ("Dataset", "cuhk02/Dataset", "CUHK02/Dataset", "cuhk02", "CUHK02"))
PAIRS = ("P1", "P2", "P3", "P4", "P5")
TEST_PAIR = "P5"
CAMERAS = ("cam1", "cam2")
PUBLISHED: dict[str, Counts] = {"train": (1_577, 6_308), "query": (239, 478), "gallery": (239, 478)}
PEOPLE_OF_A_PAIR = 10_000  # more than any pair has
NAME = re.compile(r"([0-9]{1,4})_.*\.\w+", re.ASCII)


def read_cuhk02(name: str, folder: Path, *, verify_counts: bool = True) -> ImageTable:
    """The table of CUHK02.

    Args:
        name: the source's name in the scenario.
        folder: where P1 to P5 are, or one of the folders around them.
        verify_counts: refuse anything but the whole dataset.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit, or the counts aren't the published ones.
    """
    root = find_root(name, folder, VENDOR, [f"{pair}/{camera}" for pair in PAIRS for camera in CAMERAS])
    rows = [row for pair in PAIRS for camera in CAMERAS for row in _rows(root, pair, camera)]
    return vendor_table(name, root, rows, VENDOR, PUBLISHED, verify_counts=verify_counts)


def person_of(file: str) -> int | None:
    """What a file's name says: the person's number within the pair, or None where it isn't such a name."""
    match = NAME.fullmatch(file)
    return int(match[1]) if match else None


def _rows(root: Path, pair: str, camera: str) -> Iterator[Row]:
    number, view = PAIRS.index(pair) + 1, CAMERAS.index(camera)
    split = ("query", "gallery")[view] if pair == TEST_PAIR else "train"
    for file in images_in(root / pair / camera):
        if (person := person_of(file)) is None:
            raise UserError(
                f"{root / pair / camera / file}: expected a name that starts with the person's number, like 001_1.png."
                "\n  Rename the file or take it out of the folder."
            )
        yield f"{pair}/{camera}/{file}", number * PEOPLE_OF_A_PAIR + person, 2 * number - 1 + view, split
