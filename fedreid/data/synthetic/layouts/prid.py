"""PRID 2011: single_shot with one image per person and camera, multi_shot with a folder of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch

FOLDERS = ("cam_a", "cam_b")


def write_prid(root: Path, first: Iterable[int], second: Iterable[int], put: Put = touch) -> None:
    """Write a single-shot copy into prid_2011: the people of cam_a and of cam_b."""
    for camera, people in enumerate((first, second)):
        for person in people:
            file = root / "single_shot" / FOLDERS[camera] / f"person_{person:04d}.png"
            put(file, Shot(person, camera + 1, 0, "train"))


def write_prid_video(root: Path, lengths: Mapping[int, tuple[int, int]], put: Put = touch) -> None:
    """Write a multi-shot copy into prid_2011: numbers of frames on cam_a and cam_b by person; 0 makes no folder."""
    for person, frames in lengths.items():
        for camera, many in enumerate(frames):
            folder = root / "multi_shot" / FOLDERS[camera] / f"person_{person:04d}"
            for number in range(many):
                put(folder / f"{number + 1:04d}.png", Shot(person, camera + 1, number, "train"))


def write_prid_json(file: Path, halves: Sequence[tuple[Iterable[int], Iterable[int]]]) -> None:
    """The list of other toolkits: (training, test) people of each split."""
    splits = [
        {
            part: [f"person_{person:04d}" for person in people]
            for part, people in zip(("train", "test"), half, strict=True)
        }
        for half in halves
    ]
    file.write_text(json.dumps(splits), encoding="utf-8")
