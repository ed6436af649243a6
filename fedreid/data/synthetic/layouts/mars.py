"""MARS: folders per identity, lists of image names, and tracklets as lines of them in MATLAB files. Needs SciPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fedreid.data.synthetic.layouts import Put, Shot, touch
from fedreid.data.synthetic.layouts.matlab_files import save_matlab

FRAMES = 1_000  # more than a tracklet has: no two images of a half have the same `Shot`


@dataclass(frozen=True)
class Track:
    """One tracklet: of whom (0: a distractor, -1: junk), on which camera, with how many frames."""

    identity: int
    camera: int
    frames: int

    def names(self, number: int) -> list[str]:
        """Names of its images; `number` makes them differ from another tracklet's."""
        person = "00-1" if self.identity < 0 else f"{self.identity:04d}"
        return [f"{person}C{self.camera}T{number:04d}F{frame:03d}.jpg" for frame in range(1, self.frames + 1)]


def write_mars(
    root: Path, train: Sequence[Track], test: Sequence[Track], queries: Sequence[int], put: Put = touch
) -> None:
    """Write a copy; `queries` are rows of `test`, from 1."""
    write_half(root, "train", train, put)
    write_half(root, "test", test, put)
    write_matlab(root / "info/query_IDX.mat", "query_IDX", np.array([queries], dtype=np.uint16))


def write_half(root: Path, half: str, tracks: Sequence[Track], put: Put = touch) -> None:
    """The images of training or of test, and the two lists of them."""
    names: list[str] = []
    rows = []
    for number, track in enumerate(tracks, start=1):
        mine = track.names(number)
        rows.append((len(names) + 1, len(names) + len(mine), track.identity, track.camera))
        names += mine
        for frame, name in enumerate(mine):
            shot = Shot(track.identity, track.camera, number * FRAMES + frame, half)
            put(root / f"bbox_{half}" / name[:4] / name, shot)
    (root / "info").mkdir(parents=True, exist_ok=True)
    (root / f"info/{half}_name.txt").write_text("".join(f"{name}\n" for name in names), encoding="ascii")
    write_matlab(root / f"info/tracks_{half}_info.mat", f"track_{half}_info", np.array(rows, dtype=np.int32))


def write_matlab(file: Path, variable: str, values: np.ndarray) -> None:
    """A MATLAB file of version 5 with one variable."""
    save_matlab(file, {variable: values})
