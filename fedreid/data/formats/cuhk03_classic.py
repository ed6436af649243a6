"""CUHK03's classic protocol: 20 splits with 100 test people each, one gallery image per person.

Li et al., DeepReID, CVPR 2014. Photographs of view 1 are the queries. Of everybody's photographs of view 2, one is the
gallery: the authors drew it at random; here a hash of the split and the name draws, so that it is the same everywhere.
Report the mean over the 20 splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fedreid.data.formats.cuhk03_folders import Boxes
from fedreid.data.formats.cuhk03_images import Photo, people_of_test_set, photo
from fedreid.data.formats.draws import drawn_order
from fedreid.data.formats.vendor_files import Counts, images_in, notes_on, parts_of
from fedreid.data.tables import ImageTable, Row, image_table
from fedreid.errors import UserError

PUBLISHED: dict[str, Counts] = {"detected": (1_467, 14_097), "labelled": (1_467, 14_096)}  # both parts together
TEST_PEOPLE = 100
PEOPLE_OF_A_PAIR = 1_000  # more than any pair of cameras has: person 3 of pair 2 is identity 2003


def classic_table(
    name: str, images: Path, release: Path, boxes: Boxes, split: int, *, verify_counts: bool = True
) -> ImageTable:
    """The table of one split.

    Args:
        name: the source's name in the scenario.
        images: folder of the photographs.
        release: cuhk-03.mat, for its test sets.
        boxes: the version.
        split: from 0.
        verify_counts: refuse anything but the whole version.

    Raises:
        UserError: a name doesn't fit, nobody is in training or in the test, or the counts aren't the published ones.
    """
    photos = {file: _photo(images, file) for file in images_in(images)}
    tested = people_of_test_set(release, split)
    people = {(shot.pair, shot.person) for shot in photos.values()}
    found, here = (len(people), len(photos)), people & tested
    notes = []
    if (found, len(here)) != (PUBLISHED[boxes], TEST_PEOPLE):
        if verify_counts:
            raise UserError(
                f"{name}: expected {PUBLISHED[boxes][1]:,} images of {PUBLISHED[boxes][0]:,} identities, of which "
                f"{TEST_PEOPLE} in the test; found {found[1]:,} of {found[0]:,}, {len(here)} in {images}.\n"
                f"  For a subset, set data.sources.{name}.verify_counts = false."
            )
        notes.append(f"not the whole of CUHK03 ({boxes}): counts not verified")
    if not here or people == here:
        raise UserError(
            f"{name}: split {split} would test {len(here):,} of the {found[0]:,} people in {images}.\n"
            "  Add images of people who are in the test and of people who aren't."
        )
    rows = _rows(images.name, photos, tested, split)
    if dropped := len(photos) - len(rows):
        notes.append(f"{dropped:,} gallery images left out: the classic protocol keeps one per person")
    return image_table(name, images.parent, rows, [*notes, *notes_on(parts_of(rows))])


def _photo(images: Path, file: str) -> Photo:
    if (shot := photo(file)) is None:
        raise UserError(
            f"{images / file}: expected a name like 1_001_1_01.png (pair, person, view, image).\n"
            "  Rename the file or take it out of the folder."
        )
    return shot


def _rows(folder: str, photos: Mapping[str, Photo], tested: set[tuple[int, int]], split: int) -> list[Row]:
    rows: list[Row] = []
    second_view: dict[int, dict[int, str]] = {}  # of test people: file by number of the image
    for file, shot in photos.items():
        identity = shot.pair * PEOPLE_OF_A_PAIR + shot.person
        if (shot.pair, shot.person) not in tested:
            rows.append((f"{folder}/{file}", identity, shot.view, "train"))
        elif shot.view == 1:
            rows.append((f"{folder}/{file}", identity, shot.view, "query"))
        else:
            second_view.setdefault(identity, {})[shot.image] = file
    for identity, files in second_view.items():
        chosen = drawn_order(f"cuhk03 {identity}", split, files)[0]
        rows.append((f"{folder}/{files[chosen]}", identity, 2, "gallery"))
    return rows
