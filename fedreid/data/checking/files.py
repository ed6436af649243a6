"""Every file of a dataset's folders: which are read, and which aren't and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SYSTEM = {"thumbs.db", ".ds_store", "desktop.ini"}  # left behind by operating systems, as "._*"; never reported
OTHER_IMAGES = (
    ".bmp", ".gif", ".webp", ".tif", ".tiff", ".jfif", ".jpe", ".jp2", ".heic", ".avif", ".ppm", ".pgm",
    ".jpg", ".jpeg", ".png",
)  # fmt: skip
LISTS = (".txt", ".mat", ".csv", ".json", ".md", ".pdf", ".m", ".html", ".xml")


DEEPEST = 4  # two more than any layout has: what lies deeper is something else


@dataclass(frozen=True)
class Files:
    """The files of a dataset's folders, relative to its root.

    Attributes:
        images: those with an image's name that the format reads, sorted.
        others: the rest but for those of operating systems, sorted.
        loops: folders that lead back to one of those around them.
    """

    images: tuple[str, ...]
    others: tuple[str, ...]
    loops: tuple[str, ...]


def files_under(root: Path, folders: Sequence[str], suffixes: tuple[str, ...]) -> Files:
    """Look at everything in some folders, through links, `DEEPEST` folders deep."""
    images: list[str] = []
    others: list[str] = []
    loops: list[str] = []
    for folder in folders:
        for path in _walk(root, folder, (), loops):
            name = path.rpartition("/")[2]
            if name.lower() in SYSTEM or name.startswith("._") or "__MACOSX/" in path:
                continue
            (images if name.lower().endswith(suffixes) and not name.startswith(".") else others).append(path)
    return Files(tuple(sorted(images)), tuple(sorted(others)), tuple(loops))


def _walk(root: Path, folder: str, around: tuple[tuple[int, int], ...], loops: list[str]) -> Iterator[str]:
    """Paths of files; folders in sorted order. A link that leads back into a folder around it is not followed."""
    try:
        here = os.stat(root / folder)  # noqa: PTH116
        with os.scandir(root / folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return
    if (here.st_dev, here.st_ino) in around:
        loops.append(folder)
        return
    if len(around) == DEEPEST:
        return
    for name in names:
        path = f"{folder}/{name}" if folder else name
        if os.path.isdir(f"{root}/{path}"):  # noqa: PTH112  (a Path for each of a million files takes long)
            yield from _walk(root, path, (*around, (here.st_dev, here.st_ino)), loops)
        else:
            yield path


@dataclass(frozen=True)
class Kind:
    """Files that aren't read, for one reason.

    Attributes:
        what: one of them, in a word that takes an "s": "image", "link".
        text: what is the matter and what to do, as it follows "12 images".
        paths: all of them.
    """

    what: str
    text: str
    paths: tuple[str, ...]


def unread(root: Path, files: Files, used: Iterable[str], fits: Callable[[str], bool]) -> list[Kind]:
    """Files that the reader passes over, by reason; images that it knows and leaves out are no mistake.

    Args:
        root: folder that all paths start at.
        files: that are there.
        used: paths that the reader takes.
        fits: whether a name is one that it reads.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    taken = set(used)
    deepest = max((path.count("/") for path in taken), default=0)
    for path in files.images:
        if path not in taken:
            kinds.setdefault(_why_unused(root, path, deepest, fits), []).append(path)
    for path in files.others:
        if why := _what_else(root, path):
            kinds.setdefault(why, []).append(path)
    for path in files.loops:
        kinds.setdefault(("link", "that leads back into a folder around it: remove it"), []).append(path)
    return [Kind(*why, tuple(paths)) for why, paths in kinds.items()]


LEFT_OUT = "left out by the protocol"
NOWHERE = ("link", "to nowhere: not read")


def _why_unused(root: Path, path: str, deepest: int, fits: Callable[[str], bool]) -> tuple[str, str]:
    if _leads_nowhere(root, path):
        return NOWHERE
    if path.count("/") > deepest:
        return "image", "in a folder too deep, not read: move up"
    if path.count("/") < deepest:
        return "image", "in no folder that is read: move into the one it belongs to"
    return "image", LEFT_OUT if fits(path.rpartition("/")[2]) else "with a name that isn't the vendor's: not read"


def _what_else(root: Path, path: str) -> tuple[str, str] | None:
    """None for the lists that come with a dataset."""
    name = path.rpartition("/")[2].lower()
    if _leads_nowhere(root, path):
        return NOWHERE
    if name.startswith("."):
        return "hidden file", "not read"
    if name.endswith(OTHER_IMAGES):
        suffix = name[name.rindex(".") :]
        return "image", f"of a kind that isn't read here ({suffix}): convert to .jpg or .png"
    return None if name.endswith(LISTS) else ("file", "not an image: not read")


def _leads_nowhere(root: Path, path: str) -> bool:
    return not os.path.exists(f"{root}/{path}")  # noqa: PTH110
