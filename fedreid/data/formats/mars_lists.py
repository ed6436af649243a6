"""MARS's lists: names of images, and tracklets as lines of them, against the images on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fedreid.data.formats.absent import Absent
from fedreid.data.formats.matlab import load_matlab, whole_numbers
from fedreid.data.formats.vendor_files import images_in
from fedreid.errors import UserError

JUNK = -1
JUNK_FOLDER = "00-1"
NAME = re.compile(r"(00-1|[0-9]{4})C([1-9])T[0-9]+F[0-9]+\.\w+", re.ASCII)


@dataclass(frozen=True)
class Half:
    """Files of training or of test, and the variable that holds the tracklets."""

    images: str
    names: str
    tracks: str
    variable: str


def person_and_camera(file: str) -> tuple[int, int] | None:
    """What an image's name says: (identity, camera), or None where it isn't such a name. Identity -1 is junk."""
    if (match := NAME.fullmatch(file)) is None:
        return None
    return JUNK if match[1] == JUNK_FOLDER else int(match[1]), int(match[2])


def tracks_in(file: Path, variable: str) -> np.ndarray:
    """int64 (tracklets, 4): first and last line (from 1), identity, camera.

    Raises:
        UserError: SciPy isn't installed, or the file isn't the vendor's.
    """
    return _whole_numbers(file, variable, columns=4)


def queries_in(file: Path, variable: str, tracklets: int) -> list[int]:
    """Which of the test's tracklets are queries, from 0.

    Raises:
        UserError: SciPy isn't installed, or the file isn't the vendor's, or is of another number of tracklets.
    """
    found = _whole_numbers(file, variable).ravel()
    if len(found) and not (found.min() >= 1 and found.max() <= tracklets):
        raise UserError(
            f"{file}: {variable} names tracklets {found.min():,} to {found.max():,} of {tracklets:,} (it counts from "
            "1).\n  Take the lists from one release."
        )
    return [int(row) - 1 for row in np.unique(found)]


def frames_of(root: Path, half: Half, tracks: np.ndarray, absent: Absent) -> Iterator[list[str]]:
    """Paths of each tracklet's frames, relative to the root; of junk none.

    Args:
        root: the dataset's folder.
        half: training or test.
        tracks: its tracklets, see `tracks_in`.
        absent: is told which images aren't there.

    Raises:
        UserError: a tracklet names lines that aren't there, or images of somebody else or of another camera.
    """
    names = (root / half.names).read_text(encoding="utf-8", errors="surrogateescape").split()
    present: dict[str, set[str]] = {}
    for row, (first, last, identity, camera) in enumerate(tracks.tolist(), start=1):
        where = f"{root / half.tracks}, tracklet {row:,}"
        if not 1 <= first <= last <= len(names):
            raise UserError(
                f"{where}: names lines {first:,} to {last:,} of {half.names}, which has {len(names):,}.\n"
                "  Take the lists from one release."
            )
        if identity == JUNK:
            yield []
            continue
        chosen = names[first - 1 : last]
        for name in chosen:
            if person_and_camera(name) != (identity, camera):
                raise UserError(
                    f"{where}: is of identity {identity} on camera {camera}, but {half.names} has {name} there.\n"
                    "  Take the lists from one release."
                )
        inside = f"{half.images}/{identity:04d}"
        if inside not in present:  # there are more than a million images: each folder is listed once
            present[inside] = set(images_in(root / inside)) if (root / inside).is_dir() else set()
        for name in chosen:
            if name not in present[inside]:
                absent.add(root / inside / name, where)
        yield [f"{inside}/{name}" for name in chosen]


def _whole_numbers(file: Path, variable: str, columns: int | None = None) -> np.ndarray:
    found: Any = load_matlab(file, [variable])[variable]
    shape: tuple[int, ...] = getattr(found, "shape", ())
    if len(shape) != 2 or not found.size or (columns and shape[1] != columns):
        raise UserError(
            f"{file}: {variable} has the shape {shape}; "
            f"expected whole numbers in {columns or 'any number of'} columns.\n  Take the vendor's own file."
        )
    return whole_numbers(file, variable, found)
