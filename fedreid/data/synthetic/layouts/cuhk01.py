"""CUHK01: campus with 0001001.png to 0001004.png of everybody."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch


def write_cuhk01(root: Path, people: Iterable[int], put: Put = touch) -> None:
    """Write a copy: images 1 and 2 from the first camera, 3 and 4 from the second."""
    for person in people:
        for image in range(4):
            file = root / "campus" / f"{person:04d}{image + 1:03d}.png"
            put(file, Shot(person, 1 + image // 2, image % 2, "train"))
