"""VIPeR: cam_a and cam_b with one image of everybody in each, numbered from 0 with gaps."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch

FOLDERS = ("cam_a", "cam_b")
ANGLES = (0, 45, 90, 135, 180)


def write_viper(root: Path, people: Iterable[int], put: Put = touch) -> dict[int, tuple[str, str]]:
    """Write a copy; returns the paths on cam_a and cam_b of everybody, by the vendor's number."""
    written = {}
    for person in people:
        first, second = (
            f"{folder}/{person:03d}_{ANGLES[(person + camera) % 5]}.bmp" for camera, folder in enumerate(FOLDERS)
        )
        put(root / first, Shot(person, 1, 0, "train"))
        put(root / second, Shot(person, 2, 0, "train"))
        written[person] = first, second
    return written
