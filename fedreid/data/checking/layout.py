"""A dataset in a folder, and what can be seen of a folder at a glance."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fedreid.data.tables import is_image_name

FOLDER = "folder"  # the format of one's own photographs
SAMPLE = 2_000  # names that are looked at, to know whose they are


@dataclass(frozen=True)
class Layout:
    """A dataset in a folder.

    Attributes:
        format: as a scenario names it.
        inside: where its parts are, relative to the folder that the user gave.
        versions: settings that choose each version that is there; one without any where there is nothing to choose.
    """

    format: str
    inside: str = ""
    versions: tuple[Mapping[str, str], ...] = field(default=({},))


def is_folder_of_people(folder: Path) -> bool:
    """Whether at least half of the folders in it have images directly in them."""
    found = [_has_images(inner) for inner in folders_in(folder)]
    return any(found) and 2 * sum(found) >= len(found)


def folders_in(folder: Path) -> list[Path]:
    """A folder's folders, sorted; none where it can't be read. Hidden ones don't count."""
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208  (names alone, of folders with 100,000 files)
    except OSError:
        return []
    return [folder / name for name in names if not name.startswith(".") and Path(folder, name).is_dir()]


def _has_images(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(is_image_name(entry.name) for entry in itertools.islice(entries, SAMPLE))
    except OSError:
        return False
