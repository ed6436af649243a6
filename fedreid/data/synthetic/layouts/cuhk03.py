"""CUHK03's release: cuhk-03.mat in MATLAB's version 7.3 (HDF5), and the new protocol's lists in version 5.

MATLAB keeps a cell array as references into a group "#refs#", turns all axes, and writes an empty array as its size
with the attribute MATLAB_empty. The file starts with 512 bytes of MATLAB's own. Needs h5py and SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fedreid.data.synthetic.layouts.matlab_files import library, save_matlab

IMAGES = 10  # places that a person has: 5 per view
WORDS = ("detected", "labeled")

Cells = Mapping[tuple[int, int, int], np.ndarray]  # (pair, person, image), all from 1: uint8 (height, width, 3)


def write_release(
    file: Path, people: Sequence[int], photographs: Mapping[str, Cells], test_sets: Sequence[Sequence[tuple[int, int]]]
) -> None:
    """Write cuhk-03.mat.

    Args:
        file: to write; folders are made.
        people: of each pair of cameras.
        photographs: of "detected" and "labeled"; whatever is absent becomes an empty cell.
        test_sets: (pair, person) of everybody in the test, for each split.
    """
    h5py = library("h5py", "h5py", file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w", userblock_size=512) as opened:
        references = _References(opened, h5py.ref_dtype)
        for word in WORDS:
            cells = photographs.get(word, {})
            references.cell(word, [references.pair(cells, pair, count) for pair, count in enumerate(people, start=1)])
        sets = [references.add(np.array(pairs, dtype=np.float64).T, b"double") for pairs in test_sets]
        references.cell("testsets", sets)
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Mar 24 2014 HDF5 schema 1.00 ."
    with file.open("r+b") as stream:
        stream.write(header.ljust(116) + bytes(8) + b"\x00\x02" + b"IM")


def write_config(file: Path, images: Sequence[tuple[str, int, int]], lists: Mapping[str, Sequence[int]]) -> None:
    """Write cuhk03_new_protocol_config_*.mat.

    Args:
        file: to write; folders are made.
        images: (name, label, camera) of each image.
        lists: for "train", "query" and "gallery", places in `images` from 0; MATLAB counts from 1.
    """
    names = np.empty((len(images), 1), dtype=object)
    names[:, 0] = [name for name, _, _ in images]
    columns: dict[str, Any] = {
        f"{use}_idx": np.array(places, dtype=np.float64).reshape(-1, 1) + 1 for use, places in lists.items()
    }
    labels = np.array([label for _, label, _ in images], dtype=np.float64).reshape(-1, 1)
    cameras = np.array([camera for _, _, camera in images], dtype=np.float64).reshape(-1, 1)
    save_matlab(file, {"filelist": names, "labels": labels, "camId": cameras, **columns})


class _References:
    """The group "#refs#", into which cells point."""

    def __init__(self, opened: Any, reference_type: Any) -> None:
        self._opened, self._group, self._count = opened, opened.create_group("#refs#"), 0
        self._type = reference_type

    def add(self, value: np.ndarray, matlab_class: bytes) -> Any:
        self._count += 1
        dataset = self._group.create_dataset(f"a{self._count}", data=value)
        dataset.attrs["MATLAB_class"] = np.bytes_(matlab_class)
        return dataset.ref

    def empty(self) -> Any:
        reference = self.add(np.zeros(2, dtype=np.uint64), b"double")
        self._opened[reference].attrs["MATLAB_empty"] = np.uint8(1)
        return reference

    def cell(self, name: str, parts: Sequence[Any]) -> None:
        """A variable: a cell of one row."""
        value = np.array(parts, dtype=self._type).reshape(1, -1)
        self._opened.create_dataset(name, data=value).attrs["MATLAB_class"] = np.bytes_(b"cell")

    def pair(self, cells: Cells, pair: int, people: int) -> Any:
        """A cell of (people, 10) images, with its axes turned."""
        turned = np.empty((IMAGES, people), dtype=self._type)
        for person in range(1, people + 1):
            for image in range(1, IMAGES + 1):
                pixels = cells.get((pair, person, image))
                reference = self.empty() if pixels is None else self.add(pixels.T, b"uint8")
                turned[image - 1, person - 1] = reference
        return self.add(turned, b"cell")
