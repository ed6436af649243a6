"""The 500,000 further distractors that Market-1501 was published with: images of nobody in particular.

Zheng et al., Scalable Person Re-identification: A Benchmark, ICCV 2015. The archive distractors_500k.zip makes a folder
`images`, beside bounding_box_test or one folder above it. The paper counts "over 500,000"; they belong to the gallery
("Market-1501+500k") and nowhere else.
"""

from __future__ import annotations

from pathlib import Path

from fedreid.data.formats.market1501 import DISTRACTOR, JUNK, identity_and_camera
from fedreid.data.formats.vendor_files import images_in
from fedreid.data.tables import ImageTable, Row, image_table
from fedreid.errors import UserError

FOLDER = "images"
AT_LEAST = 500_000
UNKNOWN_CAMERA = -1  # a distractor has no match anyway, on whatever camera


def with_distractors(table: ImageTable, *, verify_counts: bool = True) -> ImageTable:
    """Market-1501's table with the further distractors in its gallery.

    Args:
        table: as `read_market1501` gives it.
        verify_counts: refuse fewer than 500,000.

    Raises:
        UserError: as `distractor_rows`.
    """
    further = distractor_rows(table.name, table.root, verify_counts=verify_counts)
    rows: list[Row] = list(table.frame.itertuples(index=False, name=None))
    note = f"{len(further):,} further distractors in the gallery (Market-1501+500k)"
    return image_table(table.name, table.root, [*rows, *further], [*table.notes, note])


def distractor_rows(name: str, root: Path, *, verify_counts: bool = True) -> list[Row]:
    """Gallery rows of the further distractors, in the order of their names.

    Args:
        name: the source's name in the scenario.
        root: folder that the table's paths start at: the one that holds bounding_box_test.
        verify_counts: refuse fewer than 500,000.

    Raises:
        UserError: the folder is missing, is empty or holds too few, or a name is that of a person of Market-1501.
    """
    inside = next((path for path in (FOLDER, f"../{FOLDER}") if (root / path).is_dir()), None)
    if inside is None:
        raise UserError(
            f"{name}: {root} has no folder {FOLDER}.\n"
            "  Unpack distractors_500k.zip there, or leave the further distractors out."
        )
    files = images_in(root / inside)
    if not files or (verify_counts and len(files) < AT_LEAST):
        raise UserError(
            f"{name}: expected at least {AT_LEAST:,} distractors, found {len(files):,} in {root / inside}.\n"
            f"  For a subset, set data.sources.{name}.verify_counts = false."
        )
    return [(f"{inside}/{file}", DISTRACTOR, _camera(root / inside / file), "gallery") for file in files]


def _camera(file: Path) -> int:
    """The camera in a name like Market-1501's, if it is one; such a name must not be somebody's."""
    if (said := identity_and_camera(file.name)) is None:
        return UNKNOWN_CAMERA
    if said[0] not in (JUNK, DISTRACTOR):
        raise UserError(
            f"{file}: is named as identity {said[0]}, which is no distractor's.\n  Take it out of the folder."
        )
    return said[1]
