"""Writing datasets exactly as their vendors lay them out: folders, names, lists and MATLAB files.

A writer takes who is seen where, and gives each image's path and `Shot` to a function `put`. What is in the images is
up to that function; by default it is nothing, which is enough for readers, since they don't open them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shot:
    """One image: of whom, on which camera, the how many-th of it (from 0), and what for."""

    identity: int
    camera: int
    number: int
    use: str


Put = Callable[[Path, Shot], None]


def touch(path: Path, _: Shot) -> None:
    """An empty file; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
