"""CUHK03's photographs, which its release keeps inside cuhk-03.mat: taken out once, into PNG files.

    CACHE/cuhk03/detected-KEY/images_detected/1_001_1_01.png     KEY: hash of the .mat file's size and time

A name such as 1_001_2_06.png says pair of cameras 1, person 1 of that pair, view 2, image 6: images 1 to 5 are view 1,
6 to 10 view 2. A folder images_detected or images_labeled beside the .mat file, as other toolkits make, is used as is.

In the file, `detected` and `labeled` are cells of 5 camera pairs, each a cell of (people, 10) images, some empty;
`testsets` is a cell of 20 arrays (100, 2): camera pair and person of the classic protocol's test, from 1.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fedreid.data.disk import draft_of, writing
from fedreid.data.formats.cuhk03_folders import VENDORS_WORD, Boxes
from fedreid.data.formats.matlab import open_matlab73
from fedreid.errors import UserError

VERSION = 1  # raise it when the same .mat file gives other PNG files than before
TAKEN_OUT = "cuhk03"  # folder in the cache
IMAGES_OF_A_VIEW = 5
NAME = re.compile(r"([1-9])_([0-9]{3})_([12])_([0-9]{2})\.png", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Photo:
    """What the name of a photograph says; everything from 1."""

    pair: int
    person: int
    view: int
    image: int


def photo(file: str) -> Photo | None:
    """What a file's name says, or None where it isn't such a name."""
    match = NAME.fullmatch(file)
    return Photo(*(int(part) for part in match.groups())) if match else None


def photo_name(shot: Photo) -> str:
    """1_001_2_06.png"""
    return f"{shot.pair}_{shot.person:03d}_{shot.view}_{shot.image:02d}.png"


def images_folder(
    name: str, root: Path, release: Path | None, boxes: Boxes, cache: Path, scratch: Path | None = None
) -> Path:
    """The folder images_detected or images_labeled, filled from the .mat file where it is nowhere yet.

    Args:
        name: the source's name in the scenario.
        root: the dataset's folder.
        release: cuhk-03.mat, where there is one.
        boxes: the version.
        cache: folder of all caches.
        scratch: where photographs are taken out to if the cache hasn't them yet; None: into the cache.

    Raises:
        UserError: there are neither images nor a .mat file, it can't be read, or the cache folder can't be written.
    """
    folder = f"images_{VENDORS_WORD[boxes]}"
    if (root / folder).is_dir():
        return root / folder
    if release is None:
        raise UserError(f"{name}: {root} has neither {folder} nor cuhk-03.mat.\n  Put the vendor's .mat file there.")
    final = cache / TAKEN_OUT / f"{boxes}-{_key(release)}"
    if not final.is_dir() and scratch is not None:
        final = scratch / final.name
    if not final.is_dir():
        with writing(cache, f"the photographs of {name}"), draft_of(final) as draft:
            (draft / folder).mkdir()
            for shot, pixels in photographs(release, boxes):
                Image.fromarray(pixels).save(draft / folder / photo_name(shot), compress_level=1)
    return final / folder


def photographs(release: Path, boxes: Boxes) -> Iterator[tuple[Photo, np.ndarray]]:
    """Every photograph of a version, with its pixels: uint8 (height, width, 3), red first.

    Raises:
        UserError: the file isn't the vendor's.
    """
    word = VENDORS_WORD[boxes]
    with open_matlab73(release, [word]) as opened:
        for pair, people in enumerate(_cell(opened, opened[word], release), start=1):
            references = _array(people, release).T  # (people, images)
            for (person, image), reference in np.ndenumerate(references):
                found = opened[reference]
                pixels = _array(found, release)
                if not _is_empty(found):
                    view = 1 + image // IMAGES_OF_A_VIEW
                    yield Photo(pair, person + 1, view, image + 1), _pixels(pixels, release)


def people_of_test_set(release: Path, split: int) -> set[tuple[int, int]]:
    """(pair, person) of everybody in one of the classic protocol's test sets.

    Raises:
        UserError: the file isn't the vendor's, or has no such split.
    """
    with open_matlab73(release, ["testsets"]) as opened:
        sets = _cell(opened, opened["testsets"], release)
        if split >= len(sets):
            raise UserError(f"{release}: has {len(sets)} test sets, so there is no split {split} (from 0).")
        return {(int(pair), int(person)) for pair, person in _array(sets[split], release).T}


def _cell(opened: Any, cell: Any, release: Path) -> list[Any]:
    """What MATLAB's cell of one row or one column refers to."""
    references = np.ravel(_array(cell, release))
    if references.dtype.kind != "O":
        raise UserError(f"{release}: {cell.name[1:]} is no cell array.\n  Take the vendor's own file.")
    return [opened[reference] for reference in references]


def _array(found: Any, release: Path) -> np.ndarray:
    """All of a variable, or of one in a cell. MATLAB's structures are groups in HDF5, which hold no array."""
    if not hasattr(found, "dtype"):
        raise UserError(f"{release}: {found.name[1:]} is a structure, not an array.\n  Take the vendor's own file.")
    return np.asarray(found[()])


def _is_empty(found: Any) -> bool:
    """MATLAB writes an empty array as its size, [0, 0]."""
    return "MATLAB_empty" in found.attrs or found.ndim < 2 or found.size == 0


def _pixels(turned: np.ndarray, release: Path) -> np.ndarray:
    """(3, width, height), as MATLAB's order of axes comes out of HDF5, to (height, width, 3)."""
    if turned.dtype != np.uint8 or turned.ndim != 3 or turned.shape[0] != 3:
        raise UserError(
            f"{release}: expected photographs of 3 colours in 8 bits, found {turned.dtype} {turned.shape[::-1]}.\n"
            "  Take the vendor's own file."
        )
    return np.ascontiguousarray(turned.T)


def _key(release: Path) -> str:
    status = release.stat()
    return hashlib.sha256(f"{VERSION} {status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:16]
