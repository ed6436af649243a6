"""iLIDS (still images): Persons with 0001001.jpg and so on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch


def write_ilids(root: Path, images: Mapping[int, int], put: Put = touch) -> dict[int, list[str]]:
    """Write a copy into i-LIDS_Pedestrian: `images` says how many of each person. Returns files by person."""
    written = {
        person: [f"{person:04d}{image:03d}.jpg" for image in range(1, many + 1)] for person, many in images.items()
    }
    for person, files in written.items():
        for number, file in enumerate(files):
            put(root / "Persons" / file, Shot(person, number + 1, 0, "train"))
    return written
