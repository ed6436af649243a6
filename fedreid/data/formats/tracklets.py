"""A video dataset as a table: which frames, one after another, show whom on which camera, and what they are for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fedreid.data.tables import SPLITS, ImageTable, image_table

PER_FRAME = "figures are per frame, where published ones are per tracklet"
COLUMNS = ["identity", "camera", "split", "start", "stop"]

Tracklet = tuple[Sequence[str], int, int, str]  # paths of its frames in order, identity, camera, split


@dataclass(frozen=True, eq=False)
class TrackletTable:
    """Tracklets of identities, in an order that is the same on every machine.

    Attributes:
        name: the source's name in the scenario.
        root: folder that the paths start at.
        images: paths of all frames (relative, "/" between folders), tracklet after tracklet.
        frame: one row per tracklet with columns identity, camera, split ("train", "query" or "gallery"), and start and
            stop: its frames are images[start:stop]. Sorted by split in that order, then by the first frame's path.
        notes: what a reader of the results should know about this source.
    """

    name: str
    root: Path
    images: tuple[str, ...]
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    def frames(self, tracklet: int) -> tuple[str, ...]:
        """Paths of the frames of the tracklet in that row."""
        start, stop = self.frame["start"].iloc[tracklet], self.frame["stop"].iloc[tracklet]
        return self.images[int(start) : int(stop)]


def tracklet_table(name: str, root: Path, tracklets: Iterable[Tracklet], notes: Iterable[str] = ()) -> TrackletTable:
    """A table of tracklets given in any order.

    Raises:
        ValueError: a tracklet has no frames.
    """
    place = {split: number for number, split in enumerate(SPLITS)}
    ordered = sorted(tracklets, key=lambda tracklet: (place[tracklet[3]], tracklet[0][0] if tracklet[0] else ""))
    if any(not paths for paths, *_ in ordered):
        raise ValueError(f"{name}: expected at least one frame per tracklet, found a tracklet of none")
    stops = np.cumsum([len(paths) for paths, *_ in ordered], dtype=np.int64)
    rows = [(*said, stop - len(paths), stop) for (paths, *said), stop in zip(ordered, stops, strict=True)]
    numbers = {column: "int64" for column in COLUMNS if column != "split"}
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(numbers)
    return TrackletTable(name, root, tuple(path for paths, *_ in ordered for path in paths), frame, tuple(notes))


def images_of(table: TrackletTable, per_tracklet: int = 0) -> ImageTable:
    """The frames as single images, for models that look at one image at a time.

    Args:
        table: the tracklets.
        per_tracklet: at most so many frames of each, evenly spaced from the first on; 0: all.

    Raises:
        ValueError: a negative number of frames.
    """
    if per_tracklet < 0:
        raise ValueError(f"expected 0 (all frames) or more per tracklet, found {per_tracklet}")
    said = (table.frame[column].tolist() for column in ("identity", "camera", "split"))
    rows = [
        (path, identity, camera, split)
        for number, (identity, camera, split) in enumerate(zip(*said, strict=True))
        for path in _spaced(table.frames(number), per_tracklet)
    ]
    frames = f"at most {per_tracklet} frame{'s' * (per_tracklet != 1)}" if per_tracklet else "all frames"
    note = f"{frames} of each tracklet as single images: {PER_FRAME}"
    return image_table(table.name, table.root, rows, [*table.notes, note])


def _spaced(paths: Sequence[str], wanted: int) -> Sequence[str]:
    if not wanted or len(paths) <= wanted:
        return paths
    return [paths[place * len(paths) // wanted] for place in range(wanted)]
