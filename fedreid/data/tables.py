"""An identity dataset as a table: which image shows whom, on which camera, and what it is for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
    """

    name: str
    root: Path
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def image_table(name: str, root: Path, rows: Iterable[Row], notes: Iterable[str] = ()) -> ImageTable:
    """A table of rows given in any order."""
    place = {split: number for number, split in enumerate(SPLITS)}
    ordered = sorted(rows, key=lambda row: (place[row[3]], row[0]))
    frame = pd.DataFrame(ordered, columns=COLUMNS).astype({"identity": "int64", "camera": "int64"})
    return ImageTable(name, root, frame, tuple(notes))


def is_image_name(name: str) -> bool:
    """Whether a file name is an image's: not Thumbs.db, .DS_Store or the "._" files that some systems leave behind."""
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")
