"""PRID 2011, single-shot: 200 people outdoors, one image on each of two cameras, and 549 others on the second.

Hirzer et al., Person Re-Identification by Descriptive and Discriminative Classification, SCIA 2011. As published:

    prid_2011/single_shot/
        cam_a/person_0001.png ... person_0385.png     385 images
        cam_b/person_0001.png ... person_0749.png     749 images

People 1 to 200 are on both cameras. Above 200 a number means somebody else on each camera: those of cam_b are
distractors that stay in the gallery, those of cam_a aren't used. Of the 200, 100 train and 100 are the test: 100
queries from cam_a in 649 images of cam_b. Published figures are means over 10 draws (see `draws`). Multi-shot (video)
is `prid_video`.

Licence: for research only, with citation.
"""

from __future__ import annotations

import re
from pathlib import Path

from fedreid.data.formats.draws import first_of, shipped_order
from fedreid.data.formats.vendor_files import (
    DISTRACTOR,
    Counts,
    Vendor,
    find_root,
    images_in,
    refuse_split,
    vendor_table,
)
from fedreid.data.tables import ImageTable, Row
from fedreid.errors import UserError

VENDOR = Vendor(
    "PRID 2011 (single-shot)",
    ("single_shot", "prid_2011/single_shot", "prid2011/prid_2011/single_shot", "prid2011/single_shot"),
)
FOLDERS = ("cam_a", "cam_b")
PUBLISHED: dict[str, Counts] = {"train": (100, 200), "query": (100, 100), "gallery": (100, 649)}
ON_BOTH = 200  # people up to this number are on both cameras
SPLITS = 10
NAME = re.compile(r"person_(?!0000)([0-9]{4})\.\w+", re.ASCII)


def read_prid(name: str, folder: Path, *, verify_counts: bool = True, split: int = 0) -> ImageTable:
    """The table of one draw of PRID 2011, single-shot.

    Args:
        name: the source's name in the scenario.
        folder: where cam_a and cam_b are, or one of the folders around them.
        verify_counts: refuse anything but the whole dataset.
        split: which of the 10 draws, from 0.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit, somebody up to 200 is on one camera only,
            or the counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_root(name, folder, VENDOR, FOLDERS)
    queries, gallery = (_people(root / camera) for camera in FOLDERS)
    both = _on_both(root, queries, gallery)
    tested = first_of(shipped_order("prid", split), both, len(both) - len(both) // 2)
    rows: list[Row] = []
    for person in both:
        uses = ("query", "gallery") if person in tested else ("train", "train")
        rows += [(f"cam_a/{queries[person]}", person, 1, uses[0]), (f"cam_b/{gallery[person]}", person, 2, uses[1])]
    others = {person: file for person, file in gallery.items() if person > ON_BOTH}
    rows += [(f"cam_b/{file}", DISTRACTOR, 2, "gallery") for file in others.values()]
    unused = len(queries) - len(both)
    notes = [f"{unused:,} images of cam_a left out: people who are on no other camera"] if unused else []
    return vendor_table(name, root, rows, VENDOR, PUBLISHED, verify_counts=verify_counts, notes=notes)


def person_of(file: str) -> int | None:
    """What a file's (or, in multi-shot, with any suffix a folder's) name says: the person, or None."""
    match = NAME.fullmatch(file)
    return int(match[1]) if match else None


def _people(folder: Path) -> dict[int, str]:
    """File by person."""
    found: dict[int, str] = {}
    for file in images_in(folder):
        if not (person := person_of(file)):
            raise UserError(
                f"{folder / file}: expected a name like person_0001.png (person 1).\n"
                "  Rename the file or take it out of the folder."
            )
        if found.setdefault(person, file) != file:
            raise UserError(
                f"{folder / file}: person {person} has another image there, {found[person]}; expected one.\n"
                "  Take one of the two out."
            )
    return found


def _on_both(root: Path, queries: dict[int, str], gallery: dict[int, str]) -> set[int]:
    views = [{person for person in view if person <= ON_BOTH} for view in (queries, gallery)]
    for person in sorted(views[0] ^ views[1]):
        missing = FOLDERS[person in views[0]]
        raise UserError(
            f"{root / missing}: has no image of person {person}; people 1 to {ON_BOTH} are on both cameras.\n"
            "  Unpack the archive again; for a subset, take that person's other image out, too."
        )
    return views[0]
