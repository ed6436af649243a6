"""Video datasets in two folders, one per camera, with one folder of frames per person in each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from fedreid.data.formats.tracklets import Tracklet
from fedreid.data.formats.vendor_files import folders_in, images_in
from fedreid.errors import UserError


def people_in(folder: Path, pattern: re.Pattern[str], example: str) -> dict[int, str]:
    """Folder by person.

    Args:
        folder: of one camera.
        pattern: of a whole folder's name; group 1 is the person.
        example: a name, and what it says.

    Raises:
        UserError: a folder's name doesn't fit or says the same as another's.
    """
    found: dict[int, str] = {}
    for name in folders_in(folder):
        if (match := pattern.fullmatch(name)) is None:
            raise UserError(
                f"{folder / name}: expected a folder's name like {example}.\n  Rename the folder or take it out."
            )
        if (other := found.setdefault(int(match[1]), name)) != name:
            raise UserError(f"{folder / name}: {other} is person {match[1]}, too.\n  Take one of the two out.")
    return found


def frames_in(root: Path, inside: str) -> list[str]:
    """Paths of one tracklet's frames, relative to the root; frames in the order of their names.

    Raises:
        UserError: there are none.
    """
    frames = [f"{inside}/{file}" for file in images_in(root / inside)]
    if not frames:
        raise UserError(
            f"{root / inside}: holds no images (.jpg or .png).\n"
            "  Unpack the archive again; for a subset, take the folder out."
        )
    return frames


def halved(
    frames: Mapping[int, tuple[list[str], list[str]]], tested: set[int], training: Iterable[int]
) -> list[Tracklet]:
    """The tracklets of one split: first camera as query and second as gallery.

    Args:
        frames: of both cameras, by person.
        tested: who is searched and found.
        training: who is trained on.
    """
    tracklets: list[Tracklet] = []
    for person in sorted(tested):
        tracklets += [(frames[person][0], person, 1, "query"), (frames[person][1], person, 2, "gallery")]
    for person in sorted(training):
        tracklets += [(frames[person][0], person, 1, "train"), (frames[person][1], person, 2, "train")]
    return tracklets
