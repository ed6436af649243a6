"""LFW, Labeled Faces in the Wild, and every test in its format: pairs of images in one folder per person.

Huang et al., Labeled Faces in the Wild: A Database for Studying Face Recognition in Unconstrained Environments, UMass
technical report 07-49, 2007. As published:

    lfw/Abel_Pacheco/Abel_Pacheco_0001.jpg ...     13,233 images of 5,749 people
    pairs.txt                                      10 folds of 300 genuine pairs, then 300 impostors: 6,000 in all

The first line of a list is "10" and "300" (folds, pairs of each kind), or only the latter; then
"Abel_Pacheco 1 4" is a genuine pair (images 1 and 4), "Robert_Downey_Jr 1 Tommy_Shane_Steiner 1" an impostor one, with
tabs or spaces between. Copies without the first line are read, too: a fold ends where genuine pairs follow impostors.
Aligned copies keep the names, maybe with another suffix.

Licence: for research; the photographs come from news agencies.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fedreid.data.formats.absent import Absent
from fedreid.data.formats.face_lists import PairTable
from fedreid.data.formats.pair_lists import Pair, folds_of, pairs_in
from fedreid.data.formats.vendor_files import Vendor, around, images_in, refuse_no_folder
from fedreid.errors import UserError

VENDOR = Vendor("LFW", ("lfw", "LFW", "lfw-deepfunneled", "lfw_funneled", "lfw/lfw-deepfunneled", "lfw/lfw_funneled"))
LIST = "pairs.txt"
PUBLISHED = (3_000, 3_000, 10)  # genuine pairs, impostors, folds
NUMBERED = re.compile(r"(.+)_([0-9]+)\.\w+", re.ASCII | re.DOTALL)


def read_pairs(name: str, folder: Path, *, verify_counts: bool = True, list_file: str = LIST) -> PairTable:
    """The pairs of a list, and the images that they name.

    Args:
        name: the source's name in the scenario.
        folder: where the people's folders are, or one of the folders around them.
        verify_counts: refuse anything but LFW's own 6,000 pairs.
        list_file: the list: relative to the folder, or to the one around the people's; or an absolute path.

    Raises:
        UserError: the folder or the list is missing, a line of it doesn't fit, it names an absent image or has other
            counts than its first line says, or the counts aren't the published ones.
    """
    refuse_no_folder(name, folder, [list_file, "one folder per person"])
    file = _list_file(name, folder, list_file)
    pairs, each = pairs_in(file)
    root = _images_root(folder, pairs)
    folds = folds_of(file, pairs, each)
    found = (sum(pair.genuine for pair in pairs), sum(not pair.genuine for pair in pairs), folds[-1] + 1)
    if found != PUBLISHED and verify_counts:
        raise UserError(
            f"{name}: expected {PUBLISHED[0]:,} genuine pairs and {PUBLISHED[1]:,} impostors in {PUBLISHED[2]} folds, "
            f"found {found[0]:,} and {found[1]:,} in {found[2]}, in {file}.\n"
            f"  For a list other than LFW's, set data.sources.{name}.verify_counts = false."
        )
    paths = _paths(root, file, pairs)
    images = tuple(sorted({path for both in paths for path in both}))
    place = {path: number for number, path in enumerate(images)}
    rows = [
        (place[first], place[second], pair.genuine, fold)
        for (first, second), pair, fold in zip(paths, pairs, folds, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["first", "second", "genuine", "fold"])
    notes = () if found == PUBLISHED else ("not LFW's own list of pairs: counts not verified",)
    return PairTable(name, root, images, frame, notes)


def _list_file(name: str, folder: Path, list_file: str) -> Path:
    places = [folder / inside / list_file for inside in ("", *VENDOR.nested)] + [folder.parent / list_file]
    if (found := next((place for place in places if place.is_file()), None)) is None:
        raise UserError(
            f"{name}: there is no {list_file} in {folder} or beside it.\n"
            "  It comes apart from LFW's images: put it there, or name another list."
        )
    return found


def _images_root(folder: Path, pairs: Sequence[Pair]) -> Path:
    """The folder that holds the people's: the first person that is found shows which; else the folder itself."""
    places = [folder / inside for inside in around(VENDOR)]
    people = dict.fromkeys(pair.first[0] for pair in pairs)
    return next((place for person in people for place in places if _is_folder(place / person)), folder)


def _paths(root: Path, file: Path, pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    present: dict[str, dict[int, str]] = {}
    absent = Absent()

    def path(pair: Pair, image: tuple[str, int]) -> str:
        person, number = image
        if person not in present:
            present[person] = _numbered(root / person) if _is_folder(root / person) else {}
        if number not in present[person]:
            absent.add(root / person / f"{person}_{number:04d}.jpg", f"{file}, line {pair.line:,}")
        return f"{person}/{present[person].get(number, '')}"

    found = [(path(pair, pair.first), path(pair, pair.second)) for pair in pairs]
    absent.refuse("Unpack the archive again, or take the lines out of the list.")
    return found


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  (a Path fails where a name is too long)


def _numbered(folder: Path) -> dict[int, str]:
    """File by number, of those that are named after their folder."""
    found = {}
    for file in images_in(folder):
        match = NUMBERED.fullmatch(file)
        if match and match[1] == folder.name:
            found[int(match[2])] = file
    return found
