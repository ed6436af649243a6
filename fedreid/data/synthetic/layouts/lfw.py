"""LFW: a folder per person, and pairs.txt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fedreid.data.synthetic.layouts import Put, Shot, touch

Genuine = tuple[str, int, int]
Impostor = tuple[str, int, str, int]
Fold = tuple[Sequence[Genuine], Sequence[Impostor]]


def write_people(root: Path, images: Mapping[str, int], put: Put = touch, suffix: str = ".jpg") -> None:
    """How many images there are of each person."""
    for number, (person, many) in enumerate(images.items()):
        for image in range(1, many + 1):
            put(root / person / f"{person}_{image:04d}{suffix}", Shot(number, 1, image, "train"))


def list_text(folds: Sequence[Fold], *, with_head: bool = True) -> str:
    """A list: its first line, then each fold's genuine pairs and impostors."""
    head = f"{len(folds)}\t{len(folds[0][0])}\n" if with_head else ""
    lines = ("\t".join(map(str, pair)) + "\n" for fold in folds for pairs in fold for pair in pairs)
    return head + "".join(lines)
