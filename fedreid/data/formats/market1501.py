"""Market-1501: 1,501 people on 6 cameras in front of a supermarket, and every dataset in its layout.

Zheng et al., Scalable Person Re-identification: A Benchmark, ICCV 2015. As published:

    Market-1501-v15.09.15/
        bounding_box_train/   751 identities, 12,936 images
        query/                750 identities,  3,368 images
        bounding_box_test/    750 identities, 13,115 images, and 2,798 distractors (0000) that stay in the gallery;
                              3,819 junk images (-1) are dropped: 19,732 files, of which 15,913 count

A name such as 0002_c1s1_000451_03.jpg says identity 2, camera 1 (then sequence, frame and box, which aren't used).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from fedreid.data.formats.vendor_files import images_in, notes_on_lonely
from fedreid.data.tables import ImageTable, Row, image_table
from fedreid.errors import UserError

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}
WORDS = {"train": "training", "query": "query", "gallery": "gallery"}
PUBLISHED = {"train": (751, 12_936), "query": (750, 3_368), "gallery": (750, 15_913)}  # identities, images without junk
NESTED = ("", "Market-1501-v15.09.15", "market1501", "market1501/Market-1501-v15.09.15")
JUNK, DISTRACTOR = -1, 0
NAME = re.compile(r"(-1|[0-9]{1,9})_c([0-9]{1,9})(?:s[0-9]+)?_.+")


def read_market1501(name: str, folder: Path, *, verify_counts: bool = True) -> ImageTable:
    """The table of a dataset in Market-1501's layout.

    Args:
        name: the source's name in the scenario.
        folder: where the three folders are, or one of the folders around them that the vendor's archive makes.
        verify_counts: refuse anything but the whole of Market-1501.

    Raises:
        UserError: a folder is missing or empty, a file's name doesn't fit, or the counts aren't the published ones.
    """
    root = _find(name, folder)
    found = {split: _list(root / inside, split) for split, inside in FOLDERS.items()}
    rows = {split: [row for row in listed if _counts(row)] for split, listed in found.items()}
    _refuse_empty(name, root, rows)
    if verify_counts:
        _refuse_other_counts(name, root, rows)
    notes = [*_notes_on_dropped(found), *_notes_on_kept(rows)]
    if not verify_counts and any(_count(rows[split]) != PUBLISHED[split] for split in rows):
        notes.append("not the whole of Market-1501: counts not verified")
    return image_table(name, root, [row for listed in rows.values() for row in listed], notes)


def identity_and_camera(file: str) -> tuple[int, int] | None:
    """What a file's name says: (identity, camera), or None where it isn't such a name. Identity -1 is junk."""
    match = NAME.fullmatch(file)
    return (int(match[1]), int(match[2])) if match else None


def _find(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(
            f"{name}: there is no folder {folder}.\n"
            f"  It should hold {', '.join(FOLDERS.values())}.\n"
            f"  Set data.sources.{name}.path, or FEDREID_DATA, to where they are."
        )
    for inside in NESTED:
        if all((folder / inside / needed).is_dir() for needed in FOLDERS.values()):
            return folder / inside
    missing = [needed for needed in FOLDERS.values() if not (folder / needed).is_dir()]
    raise UserError(
        f"{name}: {folder} has no folder {', '.join(missing)}.\n"
        f"  Market-1501's layout needs {', '.join(FOLDERS.values())} there, or inside {NESTED[1]}."
    )


def _list(folder: Path, split: str) -> list[Row]:
    return [(f"{folder.name}/{file}", *_parsed(folder, file), split) for file in images_in(folder)]


def _parsed(folder: Path, file: str) -> tuple[int, int]:
    if (parsed := identity_and_camera(file)) is None:
        raise UserError(
            f"{folder / file}: expected a name like 0002_c1s1_000451_03.jpg (identity 2, camera 1).\n"
            f"  Rename the file or take it out of the folder."
        )
    return parsed


def _counts(row: Row) -> bool:
    """Junk never counts; a distractor, who may be anybody, only makes the gallery harder."""
    _, identity, _, split = row
    return identity != JUNK and (identity != DISTRACTOR or split == "gallery")


def _count(rows: Iterable[Row]) -> tuple[int, int]:
    """(identities, images); distractors are images, but nobody in particular."""
    identities = [row[1] for row in rows]
    return len(set(identities) - {DISTRACTOR}), len(identities)


def _refuse_empty(name: str, root: Path, rows: dict[str, list[Row]]) -> None:
    """A dataset may be for training only; otherwise it needs a query and a gallery."""
    empty = [split for split, listed in rows.items() if not listed]
    if "train" in empty or len(empty) == 1:
        folder = root / FOLDERS[empty[0]]
        raise UserError(f"{name}: {folder} holds no images (.jpg or .png) of identities; {empty[0]} needs some.")


def _refuse_other_counts(name: str, root: Path, rows: dict[str, list[Row]]) -> None:
    wrong = []
    for split, (people, images) in PUBLISHED.items():
        found_people, found_images = _count(rows[split])
        if (found_people, found_images) != (people, images):
            wrong.append(
                f"{name}: expected {images:,} {WORDS[split]} images of {people:,} identities, "
                f"found {found_images:,} of {found_people:,} in {root / FOLDERS[split]}."
            )
    if wrong:
        raise UserError("\n".join([*wrong, f"  For a subset, set data.sources.{name}.verify_counts = false."]))


def _notes_on_dropped(found: dict[str, list[Row]]) -> Iterator[str]:
    dropped = Counter((row[1], split) for split, listed in found.items() for row in listed if not _counts(row))
    if junk := sum(count for (identity, _), count in dropped.items() if identity == JUNK):
        yield f"{junk:,} junk images (-1) dropped"
    for split in ("train", "query"):
        if count := dropped[DISTRACTOR, split]:
            yield f"{count:,} distractors (0000) dropped from {FOLDERS[split]}: they are nobody in particular"


def _notes_on_kept(rows: dict[str, list[Row]]) -> Iterator[str]:
    if distractors := sum(row[1] == DISTRACTOR for row in rows["gallery"]):
        yield f"{distractors:,} distractors (0000) kept in the gallery"
    people = {split: {row[1] for row in listed} for split, listed in rows.items()}
    if both := people["train"] & (people["query"] | people["gallery"]):
        yield f"{len(both):,} identities are in training and in the test: its figures flatter"
    yield from notes_on_lonely(rows)
