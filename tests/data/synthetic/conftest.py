"""Synthetic datasets in every vendor's layout, each written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fedreid.data.synthetic.writing import LayoutSize, write_layout

# Two cameras, so that everybody is on both: 3 people x 2 cameras x 2 images are 12.
SIZE = LayoutSize(identities=3, test_identities=3, cameras=2, images_per_camera=2, seed=1, domain=4)
Written = Callable[[str, str], Path]


@pytest.fixture(scope="package")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Datasets of `SIZE`, each written once."""
    root = tmp_path_factory.mktemp("written")

    def folder(format: str, variant: str) -> Path:
        place = root / f"{format} {variant}"
        if not place.exists():
            write_layout(format, place, SIZE, variant=variant, workers=1)
        return place

    return folder


def files_in(folder: Path) -> dict[str, Path]:
    """All files of a folder, by their paths within it."""
    return {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.is_file()}
