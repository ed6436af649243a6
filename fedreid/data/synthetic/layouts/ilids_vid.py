"""iLIDS-VID: sequences with a folder of frames per camera and person, and the halves in a MATLAB file of version 5."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fedreid.data.synthetic.layouts import Put, Shot, touch
from fedreid.data.synthetic.layouts.matlab_files import save_matlab

LIST = "train-test people splits/train_test_splits_ilidsvid.mat"


def write_ilids_vid(root: Path, lengths: Mapping[int, tuple[int, int]], put: Put = touch) -> None:
    """Write sequences into i-LIDS-VID: numbers of frames on cam1 and cam2 by person."""
    for person, frames in lengths.items():
        for camera, many in enumerate(frames, start=1):
            folder = root / "sequences" / f"cam{camera}" / f"person{person:03d}"
            for number in range(many):
                file = folder / f"cam{camera}_person{person:03d}_{317 + number:05d}.png"
                put(file, Shot(person, camera, number, "train"))


def write_halves(file: Path, orders: Sequence[Sequence[int]]) -> None:
    """ls_set: one order of everybody (places from 1) per split. Needs SciPy."""
    save_matlab(file, {"ls_set": np.array(orders, dtype=np.float64)})
