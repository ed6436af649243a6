"""MSMT17's list files, with lines such as "0000/0000_000_01_0303morning_0008_0.jpg 0", against the images on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fedreid.data.formats.absent import Absent
from fedreid.data.formats.vendor_files import folders_in, images_in
from fedreid.data.tables import Row
from fedreid.errors import UserError

NAME = re.compile(r"[0-9]+_[0-9]+_([0-9]{1,9})(?:_.*)?\.\w+", re.ASCII)
LINE = re.compile(r"(\S.*?)\s+([0-9]{1,9})", re.ASCII)
EXAMPLE = "0000/0000_000_01_0303morning_0008_0.jpg 0"


class Present:
    """Which of a folder's images lists have named. There are 126,441 in all: too many to ask the disk for one by one.

    Args:
        folder: train or test, with one sub-folder per identity.
        absent: is told which images aren't there.
    """

    def __init__(self, folder: Path, absent: Absent) -> None:
        self.folder, self._absent = folder, absent
        self._all = _images_under(folder)
        self._named: dict[str, str] = {}

    def take(self, path: str, where: str) -> None:
        """Note that a list names an image.

        Args:
            path: relative to the folder, "/" between folders.
            where: the list and its line, for messages.

        Raises:
            UserError: the image was named before.
        """
        if path not in self._all:
            self._absent.add(self.folder / path, where)
        if (before := self._named.setdefault(path, where)) != where:
            raise UserError(f"{where}: {path} was named before, in {before}.\n  Take one of the two lines out.")

    @property
    def unlisted(self) -> int:
        """Images that no list has named."""
        return len(self._all - self._named.keys())


def path_and_identity(line: str) -> tuple[str, int] | None:
    """What a line says: (path inside train or test, the vendor's identity), or None where it isn't such a line."""
    match = LINE.fullmatch(line.strip())
    return (match[1], int(match[2])) if match else None


def camera_of(path: str) -> int | None:
    """What an image's name says: the camera, from 1; None where it isn't such a name."""
    match = NAME.fullmatch(path.rpartition("/")[2])
    return int(match[1]) if match else None


def rows_of(file: Path, present: Present, first: int, split: str) -> Iterator[Row]:
    """The images that a list names.

    Args:
        file: the list.
        present: the images of its folder.
        first: number that the vendor's identity 0 gets.
        split: what the images are for.

    Raises:
        UserError: a line or a name doesn't fit, or names an image that was named before.
    """
    # Names of files may be in any encoding: surrogateescape is what the operating system's listing uses, too.
    lines = file.read_text(encoding="utf-8", errors="surrogateescape").removeprefix("\ufeff").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        path, identity, camera = _parsed(line, where)
        present.take(path, where)
        yield f"{present.folder.name}/{path}", first + identity, camera, split


def _parsed(line: str, where: str) -> tuple[str, int, int]:
    said = path_and_identity(line)
    camera = camera_of(said[0]) if said else None
    if said is None or camera is None:
        raise UserError(
            f"{where}: expected a path and an identity, as in {EXAMPLE} (camera 01); found {line.strip()[:80]!r}.\n"
            "  Take the list from the vendor's archive."
        )
    return *said, camera


def _images_under(folder: Path) -> set[str]:
    return {f"{person}/{file}" for person in folders_in(folder) for file in images_in(folder / person)}
