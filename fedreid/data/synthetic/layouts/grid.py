"""GRID: probe and gallery, and the halves in a MATLAB file of version 5. Needs SciPy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from fedreid.data.synthetic.layouts import Put, Shot, touch
from fedreid.data.synthetic.layouts.matlab_files import save_matlab
from fedreid.data.tables import Row


def write_grid(
    root: Path, people: Iterable[int], others: int, halves: Sequence[Sequence[int]], put: Put = touch
) -> list[Row]:
    """Write a copy.

    Args:
        root: the folder underground_reid.
        people: identities, from 1; each has an image in probe and one in gallery.
        others: distractors in gallery.
        halves: training people of each partition.
        put: writes an image.

    Returns:
        (path, identity, camera, "probe" or "gallery") of every image.
    """
    rows = [_image(root, "probe", person, 1 + person % 8, person, put) for person in people]
    rows += [_image(root, "gallery", person, 1 + (person + 3) % 8, person, put) for person in people]
    rows += [_image(root, "gallery", 0, 1 + number % 8, 5_000 + number, put) for number in range(others)]
    write_partitions(root / "features_and_partitions.mat", halves)
    return rows


def write_partitions(file: Path, halves: Sequence[Sequence[int]]) -> None:
    """trainIdxAll: a cell (1, number of halves) of structures whose third field lists the training people."""
    cell = np.empty((1, len(halves)), dtype=object)
    for number, people in enumerate(halves):
        row = np.array(people, dtype=np.float64).reshape(1, -1)
        cell[0, number] = {"first": np.zeros((1, 1)), "second": np.zeros((1, 1)), "people": row}
    save_matlab(file, {"trainIdxAll": cell, "features": np.zeros((2, 3))})


def _image(root: Path, folder: str, identity: int, camera: int, frame: int, put: Put) -> Row:
    path = f"{folder}/{identity:04d}_{camera}_{frame:05d}_107_32_106_221.jpeg"
    put(root / path, Shot(identity, camera, frame, folder))
    return path, identity, camera, folder
