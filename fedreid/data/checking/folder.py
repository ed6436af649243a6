"""A dry run over one's own photographs: whom and which camera each file's name says, as the reader understands it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from fedreid.data.checking.layout import folders_in
from fedreid.data.checking.report import NOTE, PROBLEM, WARNING, Finding, Understood
from fedreid.data.checking.texts import counted
from fedreid.data.tables import is_image_name
from fedreid.errors import UserError

MOST_CAMERAS = 12  # that are listed
OFTEN = 0.8  # share of the files that a pattern has to fit to be offered
NO_CAMERAS = (
    "no cameras: every other image of a person counts as a match, also the next one of the same camera; clients by "
    "camera are impossible. If file names tell the camera, give --camera-pattern."
)
ONE_CAMERA = (
    "one camera: nobody can be found on another one, so that nobody is tested. Give another --camera-pattern; or none, "
    "if these aren't cameras."
)
# Tried where no pattern was given, and offered if they fit most files and tell at least two cameras.
COMMON = (
    r"(?:^|[^a-zA-Z])c([0-9]+)(?![0-9])",
    r"(?i)cam(?:era)?[ _-]?([0-9]+)",
    r"^([0-9]+)[_-]",
    r"^([A-Za-z]+)[ _-]?[0-9]",
)


def understood_in(folder: Path, pattern: str) -> tuple[Understood, ...]:
    """Every image, by identity and then by name.

    Raises:
        UserError: the pattern isn't a regular expression, or has no group.
    """
    search = _compiled(pattern) if pattern else None
    people = [(inner.name, _images(inner)) for inner in folders_in(folder)]
    return tuple(
        Understood(f"{person}/{file}", identity, _camera(file, search))
        for identity, (person, files) in enumerate(people)
        for file in files
    )


def folder_findings(folder: Path, understood: Sequence[Understood], pattern: str) -> list[Finding]:
    """What to say of one's own photographs: files that a pattern doesn't fit, cameras, folders without images."""
    cameras = {one.camera for one in understood if one.camera}
    return [*_pattern_findings(understood, pattern), *_camera_findings(cameras), *_empty_people(folder)]


def _pattern_findings(understood: Sequence[Understood], pattern: str) -> list[Finding]:
    """What a dry run of a pattern says, or which pattern might do where there is none."""
    if not pattern:
        offer = common_pattern([Path(one.path).name for one in understood])
        return [Finding(NOTE, offer)] if offer else []
    unmatched = tuple(one.path for one in understood if not one.camera)
    files = counted(len(unmatched), "file", len(understood))
    text = f"{files} that the pattern {pattern} doesn't fit: change it, or rename the files or take them out"
    return [Finding(PROBLEM, text, unmatched)] if unmatched else []


def _camera_findings(cameras: set[str]) -> list[Finding]:
    """How many cameras there are, and which number each gets from the reader where they are words."""
    if not cameras:
        return [Finding(WARNING, NO_CAMERAS)]
    if len(cameras) == 1:
        return [Finding(WARNING, ONE_CAMERA)]
    if all(camera.isascii() and camera.isdigit() for camera in cameras):
        words = [str(camera) for camera in sorted(map(int, cameras))]
    else:
        words = [f"{camera} is {place}" for place, camera in enumerate(sorted(cameras), start=1)]
    more = ", ..." if len(words) > MOST_CAMERAS else ""
    return [Finding(NOTE, f"{len(cameras):,} cameras: {', '.join(words[:MOST_CAMERAS])}{more}")]


def _empty_people(folder: Path) -> list[Finding]:
    """Folders without images, which the reader refuses; those with folders in them are wrongly nested."""
    empty = [inner for inner in folders_in(folder) if not _images(inner)]
    deeper = tuple(f"{inner.name}/{inside.name}" for inner in empty for inside in folders_in(inner) if _images(inside))
    nothing = tuple(inner.name for inner in empty if not any(_images(inside) for inside in folders_in(inner)))
    found = []
    if deeper:
        text = f"{counted(len(deeper), 'folder')} with images one level too deep: move up"
        found.append(Finding(PROBLEM, text, deeper))
    if nothing:
        text = f"{counted(len(nothing), 'folder')} without images (.jpg or .png): remove or fill"
        found.append(Finding(PROBLEM, text, nothing))
    return found


def common_pattern(files: Sequence[str]) -> str:
    """What to say of the first common pattern that fits most names and tells several cameras; nothing if none does."""
    for pattern in COMMON:
        found = [match[1] for match in (re.search(pattern, file) for file in files) if match]
        cameras = len(set(found))
        if len(found) >= OFTEN * len(files) and 1 < cameras <= max(2, len(files) // 4):
            fitting = counted(len(found), "file", len(files))
            return f"--camera-pattern '{pattern}' would find {cameras:,} cameras in the names of {fitting}"
    return ""


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        search = re.compile(pattern)
    except re.error as error:
        raise UserError(f"--camera-pattern {pattern!r} is not a regular expression: {error}") from None
    if not search.groups:
        raise UserError(f"--camera-pattern {pattern!r} has no group: put the camera in brackets, as in '_c([0-9]+)'")
    return search


def _camera(file: str, search: re.Pattern[str] | None) -> str | None:
    match = search.search(file) if search else None
    return match[1] if match and match[1] else None


def _images(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if is_image_name(name))  # noqa: PTH208
    except OSError:
        return []
