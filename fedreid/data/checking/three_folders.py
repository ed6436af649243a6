"""Which dataset lies in three folders (bounding_box_train, query, bounding_box_test): told by the images' names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from fedreid.data.checking.layout import Layout
from fedreid.data.formats import duke, market1501
from fedreid.data.formats.cuhk03_folders import VENDORS_WORD
from fedreid.data.formats.three_folders import identity_and_camera
from fedreid.data.formats.vendor_files import images_in

THREE_FOLDERS = tuple(market1501.FOLDERS.values())
REPACKED = re.compile(r"[0-9]+_c[12]_[0-9]+\.png", re.IGNORECASE)  # narrower than what the reader takes


def kinds_of_names(root: Path) -> dict[str, list[str]]:
    """Paths of the images in three folders by how they are named: as in market1501, dukemtmc or cuhk03.

    Names that are nobody's are left out.
    """
    kinds: dict[str, list[str]] = {}
    for part in THREE_FOLDERS:
        for file in images_in(root / part):
            if kind := _kind(file):
                kinds.setdefault(kind, []).append(f"{part}/{file}")
    return kinds


def _kind(file: str) -> str:
    if identity_and_camera(file, duke.LAYOUT.pattern):
        return "dukemtmc"
    if REPACKED.fullmatch(file):
        return "cuhk03"
    return "market1501" if market1501.identity_and_camera(file) else ""


def three_folders(folder: Path) -> Iterator[Layout]:
    """By the names of most images: Market-1501's layout is that of many datasets."""
    repacked = [f"{around}{word}" for around in ("", "cuhk03-np/", "CUHK03-NP/") for word in VENDORS_WORD.values()]
    places: dict[str, list[str]] = {}
    for inside in dict.fromkeys([*market1501.NESTED, *duke.LAYOUT.vendor.nested, *repacked]):
        root = folder / inside
        if all((root / part).is_dir() for part in THREE_FOLDERS):
            kinds = kinds_of_names(root)
            places.setdefault(max(kinds, key=lambda kind: len(kinds[kind]), default="market1501"), []).append(inside)
    for format in ("market1501", "dukemtmc"):
        yield from (Layout(format, inside) for inside in places.get(format, [])[:1])  # as the reader: the first
    if insides := places.get("cuhk03"):
        boxes = {inside: box for inside in insides for box, word in VENDORS_WORD.items() if inside.endswith(word)}
        around = os.path.commonpath(insides) if len(insides) > 1 else insides[0]
        yield Layout("cuhk03", around, tuple({"boxes": boxes.get(inside, _boxes_of(folder))} for inside in insides))


def _boxes_of(folder: Path) -> str:
    return "labelled" if VENDORS_WORD["labelled"] in folder.name else "detected"
