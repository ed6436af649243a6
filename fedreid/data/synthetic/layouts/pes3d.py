"""3DPeS: RGB with 100_3_FRAME_26_RGB.bmp and so on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch


def write_3dpes(root: Path, images: Mapping[tuple[int, int], int], put: Put = touch) -> None:
    """Write a copy into 3DPeS: how many images there are by person and view."""
    for (person, view), many in images.items():
        for number in range(many):
            file = root / "RGB" / f"{person}_{view}_FRAME_{26 + 5 * number}_RGB.bmp"
            put(file, Shot(person, view, number, "train"))
