"""VIPeR: 632 people outdoors, one image on each of two cameras.

Gray, Brennan and Tao, Evaluating Appearance Models for Recognition, Reacquisition, and Tracking, PETS 2007. As
published:

    VIPeR/cam_a/000_45.bmp ... 873_0.bmp        632 images, 128 x 48 pixels
    VIPeR/cam_b/000_45.bmp ... 873_180.bmp      632 images of the same people

A name such as 000_45.bmp says person 0, seen from 45 degrees; numbers have gaps. Here people are numbered from 1, since
0 stands for nobody in particular, and cam_a and cam_b are cameras 1 and 2.

Half of the people train and half are the test. Published figures are means over 20 splits: 10 random halves (see
`draws`), each with cam_a as query and cam_b as gallery and then the other way round.

Licence: none stated; for research, with citation.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedreid.data.formats.draws import first_of, shipped_order
from fedreid.data.formats.vendor_files import Counts, Vendor, find_root, images_in, refuse_split, vendor_table
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

VENDOR = Vendor("VIPeR", ("VIPeR", "VIPeR.v1.0", "viper/VIPeR", "viper"))
PUBLISHED: dict[str, Counts] = {"train": (316, 632), "query": (316, 316), "gallery": (316, 316)}
FOLDERS = ("cam_a", "cam_b")
SUFFIXES = (".bmp", ".png", ".jpg")  # the vendor's, and what copies were converted to
NUMBERS = 1_000  # that three digits can name
DRAWS = 10
SPLITS = 2 * DRAWS
NAME = re.compile(r"([0-9]{3})_[0-9]+\.\w+", re.ASCII)


def read_viper(name: str, folder: Path, *, verify_counts: bool = True, split: int = 0) -> ImageTable:
    """The table of one split of VIPeR.

    Args:
        name: the source's name in the scenario.
        folder: where cam_a and cam_b are, or the folder around them.
        verify_counts: refuse anything but the whole dataset.
        split: from 0 to 19: half number `split // 2`; queries are from cam_a in even splits, from cam_b in odd ones.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit, somebody has no second or two images on a
            camera, or the counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_root(name, folder, VENDOR, FOLDERS)
    views = [_people(root / camera) for camera in FOLDERS]
    _refuse_unpaired(root, views)
    draw, query = divmod(split, 2)
    tested = first_of(shipped_order("viper", draw), set(views[0]), len(views[0]) // 2)
    rows: list[Row] = []
    for camera, files in enumerate(views):
        for person, file in files.items():
            use = "train" if person not in tested else "query" if camera == query else "gallery"
            rows.append((f"{FOLDERS[camera]}/{file}", person + 1, camera + 1, use))
    return vendor_table(name, root, rows, VENDOR, PUBLISHED, verify_counts=verify_counts)


def person_of(file: str) -> int | None:
    """What a file's name says: the vendor's number of the person, or None where it isn't such a name."""
    match = NAME.fullmatch(file)
    return int(match[1]) if match else None


def _people(folder: Path) -> dict[int, str]:
    """File by person."""
    found: dict[int, str] = {}
    for file in images_in(folder, SUFFIXES):
        if (person := person_of(file)) is None:
            raise UserError(
                f"{folder / file}: expected a name like 000_45.bmp (person 0, seen from 45 degrees).\n"
                "  Rename the file or take it out of the folder."
            )
        if person in found:
            raise UserError(
                f"{folder / file}: person {person:03d} has another image there, {found[person]}; expected one.\n"
                "  Take one of the two out."
            )
        found[person] = file
    return found


def _refuse_unpaired(root: Path, views: list[dict[int, str]]) -> None:
    for here, there in ((0, 1), (1, 0)):
        for person in sorted(set(views[here]) - set(views[there])):
            raise UserError(
                f"{root / FOLDERS[here] / views[here][person]}: {FOLDERS[there]} has no image of person {person:03d}.\n"
                "  Unpack the archive again; for a subset, take this image out, too."
            )
