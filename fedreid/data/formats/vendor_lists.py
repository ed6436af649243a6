"""What readers with random halves share: people who are drawn, lists that vendors ship, counts of the whole.

Where the number of images differs from person to person, the sizes of training and test differ from draw to draw: only
the whole dataset is compared with what was published.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fedreid.data.formats.matlab import load_matlab
from fedreid.data.formats.vendor_files import (
    Counts,
    Vendor,
    around,
    find_root,
    images_in,
    notes_on,
    parts_of,
    refuse_no_folder,
)
from fedreid.data.tables import IMAGE_SUFFIXES, ImageTable, Row, image_table
from fedreid.errors import UserError

VARIABLE = "ls_set"  # in the lists of Wang et al. (iLIDS-VID, PRID): one line per split, the first half is the test


def find_images(
    name: str, folder: Path, vendor: Vendor, inside: str, suffixes: tuple[str, ...] = IMAGE_SUFFIXES
) -> Path:
    """The one folder that holds all images: the user's own, the vendor's `inside` it, or one that is flat in there.

    Raises:
        UserError: there is no such folder.
    """
    refuse_no_folder(name, folder, [inside])
    if images_in(folder, suffixes):
        return folder
    if not any((folder / outside / inside).is_dir() for outside in around(vendor)):
        for outside in vendor.nested:
            if (folder / outside).is_dir() and images_in(folder / outside, suffixes):
                return folder / outside
    return find_root(name, folder, vendor, [inside]) / inside


def drawn_table(
    name: str,
    root: Path,
    rows: Sequence[Row],
    vendor: Vendor,
    *,
    found: Counts,
    published: Counts,
    verify_counts: bool,
    notes: Iterable[str] = (),
) -> ImageTable:
    """The table of one draw.

    Args:
        name: the source's name in the scenario.
        root: folder that the paths start at.
        rows: images of the draw, in any order.
        vendor: the dataset.
        found: (identities, images) on disk, also those that the draw leaves out.
        published: the same, as published.
        verify_counts: refuse anything but the whole dataset.
        notes: what the reader itself has to say.

    Raises:
        UserError: training or test is empty, or the counts aren't the published ones.
    """
    parts = parts_of(rows)
    if found != published and verify_counts:
        raise UserError(
            f"{name}: expected {published[1]:,} images of {published[0]:,} identities, "
            f"found {found[1]:,} of {found[0]:,} in {root}.\n"
            f"  For a subset, set data.sources.{name}.verify_counts = false."
        )
    if not all(parts.values()):
        raise UserError(
            f"{name}: {root} holds too few people to train on some and test others: {found[1]:,} images of "
            f"{found[0]:,} identities.\n  Add images of people who are seen more than once, on another camera."
        )
    partial = [f"not the whole of {vendor.title}: counts not verified"] if found != published else []
    return image_table(name, root, rows, [*notes, *notes_on(parts), *partial])


def half_in_matlab(file: Path, people: Sequence[int], split: int) -> set[int]:
    """Who is tested in one of the splits of Wang et al., ECCV 2014.

    Args:
        file: train_test_splits_*.mat, whose ls_set (splits, people) counts from 1 into the sorted people.
        people: numbers of all people, sorted.
        split: from 0.

    Raises:
        UserError: SciPy isn't installed, or the file is damaged or of other people.
    """
    found: Any = load_matlab(file, [VARIABLE])[VARIABLE]
    if getattr(found, "ndim", 0) != 2 or found.shape[0] <= split or found.shape[1] != len(people):
        raise UserError(
            f"{file}: {VARIABLE} has the shape {getattr(found, 'shape', ())}; expected more than {split} splits of "
            f"{len(people):,} people, as many as there are folders.\n"
            "  Take the vendor's own file and all of the dataset: it numbers people by their place among all."
        )
    places = found[split].tolist() if found.dtype.kind in "iuf" else []
    if set(places) != set(range(1, len(people) + 1)):
        raise UserError(
            f"{file}: split {split} of {VARIABLE} isn't an order of the people 1 to {len(people):,}.\n"
            "  Take the vendor's own file."
        )
    return {people[int(place) - 1] for place in places[: len(people) // 2]}


def half_in_json(file: Path, split: int) -> tuple[set[str], set[str]]:
    """(training, test) folders in one split of a list such as splits_prid2011.json: [{"train": [...], "test": [...]}].

    Raises:
        UserError: the file isn't such a list, or has fewer splits.
    """
    try:
        chosen = json.loads(file.read_text(encoding="utf-8"))[split]
        training, tested = set(chosen["train"]), set(chosen["test"])
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UserError(
            f'{file}: expected a list of more than {split} splits like {{"train": ["person_0001"], "test": [...]}}; '
            f"{type(error).__name__}: {error}.\n  Take the file out to use the draws that come with fedreid."
        ) from None
    if training & tested or not all(isinstance(folder, str) for folder in training | tested):
        raise UserError(f"{file}: split {split} names somebody twice, or not by a folder.\n  Take the file out.")
    return training, tested
