"""An identity dataset as a table: which image shows whom, on which camera, and what it is for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fedreid.data.formats.face_lists import PairTable, TemplateTable
from fedreid.errors import UserError

SPLITS = ("train", "query", "gallery")
COLUMNS = ["path", "identity", "camera", "split"]
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")  # in small or capital letters

Row = tuple[str, int, int, str]  # path, identity, camera, split


@dataclass(frozen=True, eq=False)
class ImageTable:
    """Images of identities, in an order that is the same on every machine.

    Attributes:
        name: the source's name in the scenario.
        root: folder that the paths start at.
        frame: one row per image with columns path (relative, "/" between folders), identity (int64), camera (int64,
            -1 where unknown) and split ("train", "query" or "gallery"), sorted by split in that order, then by path.
        notes: what a reader of the results should know about this source.
        draws: where figures are means over random halves: the query and gallery of each, frames like `frame`, whose
            images are all in `frame` (there, "gallery" only says that nobody trains on them). Empty: `frame` says all.
        faces: a test on pairs or on templates of these images, which are all "gallery".
        landmarks: float32 (rows, 5, 2), by which images are aligned when they are decoded; None: they aren't.
    """

    name: str
    root: Path
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    draws: tuple[pd.DataFrame, ...] = ()
    faces: PairTable | TemplateTable | None = None
    landmarks: np.ndarray | None = None


def image_table(name: str, root: Path, rows: Iterable[Row], notes: Iterable[str] = ()) -> ImageTable:
    """A table of rows given in any order."""
    place = {split: number for number, split in enumerate(SPLITS)}
    ordered = sorted(rows, key=lambda row: (place[row[3]], row[0]))
    frame = pd.DataFrame(ordered, columns=COLUMNS).astype({"identity": "int64", "camera": "int64"})
    return ImageTable(name, root, frame, tuple(notes))


def is_image_name(name: str) -> bool:
    """Whether a file name is an image's: not Thumbs.db, .DS_Store or the "._" files that some systems leave behind."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")


def test_table(table: ImageTable) -> ImageTable:
    """Query and gallery alone, for a dataset that nobody trains on.

    Raises:
        UserError: it has none.
    """
    frame = table.frame[table.frame["split"] != "train"].reset_index(drop=True)
    if frame["split"].nunique() < 2:
        raise UserError(
            f"{table.name}: {table.root} has no query and gallery, so it can't be unseen.\n"
            f"  Leave out data.sources.{table.name}.role, or the source."
        )
    return replace(table, frame=frame)


def drawn_table(halves: Sequence[ImageTable]) -> ImageTable:
    """One table of a protocol that is a mean over random halves, from the tables of all of them.

    Notes that not all halves share are left out.
    """
    first = halves[0]
    draws = [test_table(half).frame for half in halves]
    images = pd.concat(draws).drop_duplicates("path").assign(split="gallery").sort_values("path", ignore_index=True)
    notes = [note for note in first.notes if all(note in half.notes for half in halves)]
    words = f"means over the {len(halves)} halves of its protocol"
    return ImageTable(first.name, first.root, images, (*notes, words), tuple(draws))
