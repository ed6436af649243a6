"""MSMT17: a folder per identity, which counts from 0 in train and again in test, and four lists."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch
from fedreid.data.tables import Row

FOLDERS = {"V1": ("train", "test"), "V2": ("mask_train_v2", "mask_test_v2")}
TEST = ("query", "gallery")
HALF_DAYS = ("morning", "noon", "afternoon")


def write_msmt17(root: Path, shots: Iterable[Shot], version: str = "V1", put: Put = touch) -> list[Row]:
    """Write a copy of shots for "train", "val", "query" and "gallery".

    Returns:
        what a reader has to find, with the validation list for "train": training identity i as 1 + i, test identity i
        as 10001 + i.
    """
    lists: dict[str, list[str]] = {"train": [], "val": [], "query": [], "gallery": []}
    rows = []
    root.mkdir(parents=True, exist_ok=True)
    for shot in shots:
        folder = FOLDERS[version][shot.use in TEST]
        file = f"{shot.identity:04d}_{shot.number:03d}_{shot.camera:02d}_0303{HALF_DAYS[shot.camera % 3]}_0008_0.jpg"
        inside = f"{shot.identity:04d}/{file}"
        put(root / folder / inside, shot)
        lists[shot.use].append(f"{inside} {shot.identity}\n")
        first, split = (10_001, shot.use) if shot.use in TEST else (1, "train")
        rows.append((f"{folder}/{inside}", first + shot.identity, shot.camera, split))
    for use, lines in lists.items():
        (root / f"list_{use}.txt").write_text("".join(lines), encoding="utf-8")
    return rows
