"""GRID: 250 people who pass two of the 8 cameras of an underground station, and 775 others.

Loy, Xiang and Gong, Multi-camera Activity Correlation Analysis, CVPR 2009. As published:

    underground_reid/
        probe/      250 images, one of each person
        gallery/    250 images, one of each person, and 775 of others (0000), who stay in the gallery
        features_and_partitions.mat     10 random halves of the people, in MATLAB's version 5

A name such as 0001_1_25004_107_32_106_221.jpeg says identity 1, camera 1 (then frame and box, which aren't used).
Half of the people train and half are the test: 125 queries, 900 gallery images. Figures are means over the 10 halves.
Table 7.4 of the dissertation prints a gallery of 125: without the others.

Licence: for research only, with citation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fedreid.data.formats.matlab import load_matlab, whole_numbers
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

VENDOR = Vendor("GRID", ("underground_reid", "grid/underground_reid", "grid"))
PUBLISHED: dict[str, Counts] = {"train": (125, 250), "query": (125, 125), "gallery": (125, 900)}
ONLY_PEOPLE: Counts = (125, 125)  # the gallery without distractors
PARTITIONS, VARIABLE = "features_and_partitions.mat", "trainIdxAll"
SPLITS = 10
TRAINING_PEOPLE = 2  # place of their list among the fields of a partition
NAME = re.compile(r"([0-9]{1,9})_([0-9]{1,9})_.+")


def read_grid(
    name: str, folder: Path, *, verify_counts: bool = True, split: int = 0, distractors: bool = True
) -> ImageTable:
    """The table of one split of GRID.

    Args:
        name: the source's name in the scenario.
        folder: where probe and gallery are, or the folder around them.
        verify_counts: refuse anything but the whole dataset.
        split: which of the vendor's 10 halves, from 0.
        distractors: keep the 775 others in the gallery, as published figures do.

    Raises:
        UserError: a folder or the file of halves is missing, SciPy isn't installed, a file's name doesn't fit, or the
            counts aren't the published ones.
    """
    refuse_split(name, split, SPLITS)
    root = find_root(name, folder, VENDOR, ("probe", "gallery", PARTITIONS))
    training = _training_people(root / PARTITIONS, split)
    rows = [*_rows(root, "probe", training, "query"), *_rows(root, "gallery", training, "gallery")]
    notes = []
    if not distractors:
        kept = [row for row in rows if row[1] != DISTRACTOR]
        notes.append(f"{len(rows) - len(kept):,} distractors (0000) left out")
        rows = kept
    published = PUBLISHED if distractors else {**PUBLISHED, "gallery": ONLY_PEOPLE}
    return vendor_table(name, root, rows, VENDOR, published, verify_counts=verify_counts, notes=notes)


def identity_and_camera(file: str) -> tuple[int, int] | None:
    """What a file's name says: (identity, camera), or None where it isn't such a name. Identity 0 is a distractor."""
    match = NAME.fullmatch(file)
    return (int(match[1]), int(match[2])) if match else None


def _training_people(file: Path, split: int) -> set[int]:
    """Who trains in one of the halves: trainIdxAll is a cell of 10 structures, whose third field lists them."""
    partitions: Any = load_matlab(file, [VARIABLE])[VARIABLE].ravel()
    try:
        record = partitions[split].ravel()[0]
        field = record[TRAINING_PEOPLE]
    except (IndexError, AttributeError, TypeError, ValueError):
        raise UserError(
            f"{file}: expected {VARIABLE} to hold {SPLITS} partitions, each with a list of the training people as its "
            "third field.\n  Take the vendor's own file."
        ) from None
    return set(whole_numbers(file, VARIABLE, field).ravel().tolist())


def _rows(root: Path, inside: str, training: set[int], test: str) -> Iterator[Row]:
    for file in images_in(root / inside):
        if (said := identity_and_camera(file)) is None or (said[0] == DISTRACTOR and inside == "probe"):
            raise UserError(
                f"{root / inside / file}: expected a name like 0001_1_25004_107_32_106_221.jpeg (identity 1, camera 1)."
                "\n  Rename the file or take it out of the folder."
            )
        yield f"{inside}/{file}", *said, "train" if said[0] in training else test
