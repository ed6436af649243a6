"""Examples of what a model finds, kept in a run folder for its report: ranked lists, and embeddings of a few people.

For each test set NAME.lists.csv (what was found), NAME.map.csv (who is on the map), and NAME.npz, without pickles:
`embeddings` (images of the map, dim) float32, and `pictures` (rows of the lists, height, width, 3) uint8 where the
scenario allows pictures. Only a report reads them.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedreid.atomic import write_atomically
from fedreid.errors import UserError

LISTS = ("list", "place", "path", "identity", "camera", "similarity", "is_right", "AP")
MAP = ("path", "identity", "camera")
MOST_WIDTH = 64  # pixels of a picture


@dataclass(frozen=True)
class Shown:
    """One image. `identity` as in its source; `camera`: -1 where it is unknown."""

    path: str
    identity: int
    camera: int


@dataclass(frozen=True)
class Found:
    """One gallery image of a list."""

    image: Shown
    similarity: float
    is_right: bool


@dataclass(frozen=True)
class RankedList:
    """A query, its average precision (a share), and what it finds, the most similar image first."""

    query: Shown
    ap: float
    found: tuple[Found, ...]


@dataclass(frozen=True, eq=False)
class Examples:
    """Those of one test set.

    Attributes:
        lists: from the worst answered query to the best.
        pictures: (images, height, width, 3) uint8 of all lists one after the other, the query first in each; None
            where pictures aren't kept.
        people: images on the map; `embeddings`: theirs, (images, dim) float32.
    """

    lists: tuple[RankedList, ...]
    pictures: np.ndarray | None
    people: tuple[Shown, ...]
    embeddings: np.ndarray


def write_examples(folder: Path, name: str, examples: Examples) -> None:
    """Write the three files of one test set; equal examples give equal bytes."""
    rows: list[Sequence[object]] = []
    for number, each in enumerate(examples.lists):
        rows.append((number, 0, *_cells(each.query), "", "", float(each.ap)))
        for place, found in enumerate(each.found, start=1):
            similarity = f"{found.similarity:.6f}"
            rows.append((number, place, *_cells(found.image), similarity, int(found.is_right), ""))
    _write(folder / f"{name}.lists.csv", LISTS, rows)
    _write(folder / f"{name}.map.csv", MAP, [_cells(image) for image in examples.people])
    arrays = {"embeddings": examples.embeddings.astype(np.float32, copy=False)}
    if examples.pictures is not None:
        arrays["pictures"] = examples.pictures
    write_atomically(folder / f"{name}.npz", lambda temporary: _save(temporary, arrays))


def read_examples(folder: Path) -> dict[str, Examples]:
    """Examples by test set, in name order; {} where a run kept none.

    Raises:
        UserError: a file is missing, or isn't what a run writes.
    """
    names = sorted(file.name.removesuffix(".lists.csv") for file in folder.glob("*.lists.csv"))
    return {name: _read(folder, name) for name in names}


def _read(folder: Path, name: str) -> Examples:
    file = folder / f"{name}.lists.csv"
    try:
        lists = _lists(_rows(file, LISTS))
        file = folder / f"{name}.map.csv"
        people = tuple(Shown(path, int(who), int(camera)) for path, who, camera in _rows(file, MAP))
        file = folder / f"{name}.npz"
        with np.load(file, allow_pickle=False) as arrays:
            embeddings, pictures = arrays["embeddings"], arrays.get("pictures")
        if embeddings.ndim != 2 or len(embeddings) != len(people) or not np.isfinite(embeddings).all():
            raise ValueError(f"expected embeddings of {len(people)} images, found the shape {embeddings.shape}")
        images = sum(1 + len(each.found) for each in lists)
        if pictures is not None and (
            pictures.dtype != np.uint8 or pictures.shape[:1] + pictures.shape[3:] != (images, 3)
        ):
            raise ValueError(f"expected {images} pictures, found {pictures.dtype} of shape {pictures.shape}")
    except (OSError, KeyError, ValueError, EOFError, csv.Error, zipfile.BadZipFile) as error:
        remedy = "Remove the folder, and the report goes without examples."
        raise UserError(f"{file}: not the examples of a run: {error}\n  {remedy}") from None
    return Examples(lists, pictures, people, embeddings)


def _lists(rows: Sequence[Sequence[str]]) -> tuple[RankedList, ...]:
    queries: list[tuple[Shown, float]] = []
    found: list[list[Found]] = []
    for number, place, path, identity, camera, similarity, is_right, ap in rows:
        image = Shown(path, int(identity), int(camera))
        if place == "0":
            queries.append((image, float(ap)))
            found.append([])
        if int(number) != len(queries) - 1 or int(place) != len(found[-1]) + (place != "0"):
            raise ValueError(f"list {number}, place {place} stands where it doesn't belong")
        if place != "0":
            found[-1].append(Found(image, float(similarity), is_right == "1"))
    return tuple(RankedList(query, ap, tuple(each)) for (query, ap), each in zip(queries, found, strict=True))


def _cells(image: Shown) -> tuple[str, int, int]:
    return image.path, image.identity, image.camera


def _write(file: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    content = text.getvalue().encode("utf-8", "surrogateescape")  # a name on the disk may be no valid text
    write_atomically(file, lambda temporary: temporary.write_bytes(content))


def _rows(file: Path, columns: Sequence[str]) -> list[list[str]]:
    with file.open(encoding="utf-8", errors="replace", newline="") as stream:
        header, *rows = csv.reader(stream)
    if tuple(header) != tuple(columns):
        raise ValueError(f"expected the columns {', '.join(columns)}")
    if odd := next((row for row in rows if len(row) != len(columns)), None):
        raise ValueError(f"a row has {len(odd)} values, not {len(columns)}")
    return rows


def _save(file: Path, arrays: dict[str, np.ndarray]) -> None:
    with file.open("wb") as stream:  # given a path, numpy would add an ending to its name
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
