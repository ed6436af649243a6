"""Small made-up images and datasets on disk, for tests of reading and decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fedreid.data.tables import ImageTable, image_table

WIDTH, HEIGHT = 16, 32


def pixels(number: int) -> np.ndarray:
    """uint8 (HEIGHT, WIDTH, 3): a smooth picture, different for every number."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 255, (3, 2, 3), dtype=np.uint8))
    return np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def save(path: Path, number: int) -> Path:
    """Write picture `number`, as PNG or JPEG by the path's suffix; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(number)).save(path)
    return path


def table_of(root: Path, count: int, suffix: str = ".png") -> ImageTable:
    """A table of `count` images on disk, two for each identity: picture i is row i."""
    files = [f"images/{number:04d}{suffix}" for number in range(count)]
    for number, file in enumerate(files):
        save(root / file, number)
    return image_table("site", root, [(file, number // 2, number % 2, "train") for number, file in enumerate(files)])


def market(root: Path, train: Sequence[str], query: Sequence[str] = (), gallery: Sequence[str] = ()) -> Path:
    """A dataset in Market-1501's layout with these files, which readers don't open."""
    for folder, names in (("bounding_box_train", train), ("query", query), ("bounding_box_test", gallery)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            (root / folder / name).touch()
    return root


def rows(table: ImageTable, split: str) -> list[tuple[str, int, int]]:
    """(path, identity, camera) of a split, in order."""
    chosen = table.frame[table.frame["split"] == split]
    return list(zip(chosen["path"], chosen["identity"], chosen["camera"], strict=True))
