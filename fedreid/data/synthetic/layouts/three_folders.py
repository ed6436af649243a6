"""Market-1501, DukeMTMC-reID and CUHK03-NP: bounding_box_train, query, bounding_box_test."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch
from fedreid.data.tables import Row

FOLDERS = {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}


def market_name(shot: Shot) -> str:
    """0002_c1s1_000451_03.jpg; junk is -1_c1s1_000001_00.jpg"""
    person = "-1" if shot.identity < 0 else f"{shot.identity:04d}"
    return f"{person}_c{shot.camera}s1_{25 * shot.number + 1:06d}_00.jpg"


def duke_name(shot: Shot) -> str:
    """0001_c2_f0046182.jpg"""
    return f"{shot.identity:04d}_c{shot.camera}_f{46_000 + shot.number:07d}.jpg"


def cuhk03_np_name(shot: Shot) -> str:
    """0003_c1_21.png"""
    return f"{shot.identity:04d}_c{shot.camera}_{20 + shot.number}.png"


def write_three_folders(
    root: Path, shots: Iterable[Shot], file_name: Callable[[Shot], str], put: Put = touch
) -> list[Row]:
    """Write a copy; returns what a reader has to find."""
    rows = []
    for folder in FOLDERS.values():
        (root / folder).mkdir(parents=True, exist_ok=True)
    for shot in shots:
        path = f"{FOLDERS[shot.use]}/{file_name(shot)}"
        put(root / path, shot)
        rows.append((path, shot.identity, shot.camera, shot.use))
    return rows
