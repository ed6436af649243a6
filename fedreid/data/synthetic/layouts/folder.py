"""A plain folder with one sub-folder per identity, and the camera in each image's name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch


def write_folder(root: Path, shots: Iterable[Shot], put: Put = touch) -> None:
    """Write person-0001/c1_0000.jpg and so on."""
    for shot in shots:
        put(root / f"person-{shot.identity:04d}" / f"c{shot.camera}_{shot.number:04d}.jpg", shot)
