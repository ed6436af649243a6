"""What tests of readers share: pictures and shots for the layouts, and a table's rows as tuples."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fedreid.data.synthetic.layouts import Shot
from fedreid.data.tables import SPLITS, ImageTable, Row
from tests.data.pictures import save


def paint(path: Path, shot: Shot) -> None:
    """A smooth picture, different for every shot."""
    save(path, (shot.identity * 100 + shot.camera) * 100 + shot.number)


def some_shots(train: Iterable[int] = (1, 2, 5), test: Iterable[int] = (7, 9), cameras: int = 3) -> list[Shot]:
    """Two images of each training identity on each camera; of each test identity a query and a gallery image."""
    shots = []
    for camera in range(1, cameras + 1):
        shots += [Shot(person, camera, number, "train") for person in train for number in range(2)]
        shots += [Shot(person, camera, number, use) for person in test for number, use in enumerate(SPLITS[1:])]
    return shots


def rows_of(table: ImageTable) -> list[Row]:
    """A table's rows as tuples, in its order."""
    return list(table.frame.itertuples(index=False, name=None))


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Rows in a table's order: by split, then path."""
    return sorted(rows, key=lambda row: (SPLITS.index(row[3]), row[0]))
