"""CUHK02: P1 to P5, each with cam1 and cam2, two images of everybody on each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch
from fedreid.data.tables import Row


def write_cuhk02(root: Path, people: Sequence[int], put: Put = touch) -> list[Row]:
    """Write a copy into Dataset: how many people each of the five pairs has. Returns what a reader has to find."""
    rows: list[Row] = []
    for pair, many in enumerate(people, start=1):
        for camera in (1, 2):
            (root / f"P{pair}" / f"cam{camera}").mkdir(parents=True)
            for person in range(1, many + 1):
                use = "train" if pair < 5 else ("query", "gallery")[camera - 1]
                for image in (1, 2):
                    path = f"P{pair}/cam{camera}/{person:03d}_{image}.png"
                    identity, view = 10_000 * pair + person, 2 * pair - 2 + camera
                    put(root / path, Shot(identity, view, image - 1, use))
                    rows.append((path, identity, view, use))
    return rows
