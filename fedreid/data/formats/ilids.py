"""iLIDS (still images): 119 people in an airport's arrival hall, two to eight images each.

Zheng, Gong and Xiang, Associating Groups of People, BMVC 2009. As published:

    i-LIDS_Pedestrian/Persons/0001001.jpg ...     476 images of 119 identities

A name such as 0001002.jpg says person 1, image 2. Which of the cameras took an image isn't said; as in other toolkits,
the image's number stands for the camera in the test, so that a query's match counts. In training cameras are unknown:
image 1 of one person and image 1 of another have nothing in common.

Half of the people (60) are the test, with one image as query and another as gallery; both are drawn. Published figures
are means over 10 draws (see `draws`). What is left of a test person's images is left out.

Licence: for research only; the images belong to the UK Home Office, and the archive comes from the authors.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedreid.data.formats.draws import drawn_order, first_of, shipped_order
from fedreid.data.formats.vendor_files import Counts, Vendor, images_in, refuse_split
from fedreid.data.formats.vendor_lists import drawn_table, find_images
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

VENDOR = Vendor("iLIDS", ("i-LIDS_Pedestrian", "ilids/i-LIDS_Pedestrian", "ilids"))
INSIDE = "Persons"
PUBLISHED: Counts = (119, 476)  # identities, images
SPLITS = 10
NUMBERS = 999  # of the people in lists/ilids.txt, more than there are
UNKNOWN_CAMERA = -1
NAME = re.compile(r"(?!0000)([0-9]{4})([0-9]{3})\.\w+", re.ASCII)


def read_ilids(name: str, folder: Path, *, verify_counts: bool = True, split: int = 0) -> ImageTable:
    """The table of one draw of iLIDS.

    Args:
        name: the source's name in the scenario.
        folder: where the images are, or one of the folders around them.
        verify_counts: refuse anything but the whole dataset.
        split: which of the 10 draws, from 0.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit or says the same as another's, or the counts
            aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_images(name, folder, VENDOR, INSIDE)
    people = _people(root)
    possible = {person for person, images in people.items() if len(images) > 1}
    tested = first_of(shipped_order("ilids", split), possible, len(people) - len(people) // 2)
    rows: list[Row] = []
    for person, images in people.items():
        if person not in tested:
            rows += [(file, person, UNKNOWN_CAMERA, "train") for file in images.values()]
        else:
            query, match = drawn_order(f"ilids {person}", split, images)[:2]
            rows += [(images[query], person, query, "query"), (images[match], person, match, "gallery")]
    found = (len(people), sum(len(images) for images in people.values()))
    notes = ["cameras unknown: each image of a person counts as on a camera of its own"]
    if left_out := found[1] - len(rows):
        notes.append(f"{left_out:,} images of test people left out: one query and one match each")
    return drawn_table(
        name, root, rows, VENDOR, found=found, published=PUBLISHED, verify_counts=verify_counts, notes=notes
    )


def person_and_image(file: str) -> tuple[int, int] | None:
    """What a file's name says: (person, number of the image), or None where it isn't such a name."""
    match = NAME.fullmatch(file)
    return (int(match[1]), int(match[2])) if match else None


def _people(root: Path) -> dict[int, dict[int, str]]:
    """File by person and number of the image."""
    people: dict[int, dict[int, str]] = {}
    for file in images_in(root):
        if (said := person_and_image(file)) is None:
            raise UserError(
                f"{root / file}: expected a name like 0001002.jpg (person 1, image 2; people count from 1).\n"
                "  Rename the file or take it out of the folder."
            )
        person, image = said
        if (other := people.setdefault(person, {}).setdefault(image, file)) != file:
            raise UserError(
                f"{root / file}: {other} is image {image} of person {person}, too.\n  Take one of the two out."
            )
    return people
