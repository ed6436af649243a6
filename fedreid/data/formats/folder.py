"""A plain folder with one sub-folder per identity: the format for one's own images.

photos/anna/c1_0001.jpg     identity "anna" (identities are numbered in the order of their names),
photos/ben/c2_0004.jpg      camera from the file name by a pattern such as c([0-9]+)_
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from fedreid.data.formats.vendor_files import folders_in, images_in
from fedreid.data.tables import ImageTable, Row, image_table
from fedreid.errors import UserError

UNKNOWN = -1
Picture = tuple[str, int]  # path, camera


def read_folder(name: str, folder: Path, *, camera_pattern: str = "", test_identities: float = 0.25) -> ImageTable:
    """The table of a folder of identities.

    Args:
        name: the source's name in the scenario.
        folder: holds one folder per identity.
        camera_pattern: regular expression, searched for in a file's name; its first group is the camera. Numbers are
            kept; anything else is numbered from 1 in sorted order. Empty: cameras unknown.
        test_identities: share of the identities that become query and gallery.

    Raises:
        UserError: a folder is missing or empty, or the pattern isn't valid or doesn't fit a file.
    """
    files = _files(name, folder)
    people = _with_cameras(name, folder, files, camera_pattern)
    tested = _chosen(people, test_identities)
    rows: list[Row] = []
    for identity, (person, pictures) in enumerate(people.items()):
        queries = _queries(pictures) if person in tested else set()
        for path, camera in pictures:
            test_split = "query" if path in queries else "gallery"
            rows.append((path, identity, camera, test_split if person in tested else "train"))
    return image_table(name, folder, rows, _notes(people, tested, test_identities))


def _files(name: str, folder: Path) -> dict[str, list[str]]:
    """Image names by identity, both sorted."""
    if not folder.is_dir():
        raise UserError(
            f"{name}: there is no folder {folder}.\n"
            f"  It should hold one folder per identity. Set data.sources.{name}.path, or FEDREID_DATA, to where it is."
        )
    people = folders_in(folder)
    if not people:
        raise UserError(
            f"{name}: {folder} holds no folders; expected one per identity, with that person's images in it."
        )
    found = {person: images_in(folder / person) for person in people}
    for person, files in found.items():
        if not files:
            raise UserError(
                f"{name}: identity {person!r} has no images (.jpg or .png) in {folder / person}.\n"
                f"  Add some, or remove the folder."
            )
    return found


def _with_cameras(name: str, folder: Path, files: dict[str, list[str]], pattern: str) -> dict[str, list[Picture]]:
    if not pattern:
        return {person: [(f"{person}/{file}", UNKNOWN) for file in names] for person, names in files.items()}
    key = f"data.sources.{name}.camera_pattern"
    try:
        search = re.compile(pattern)
    except re.error as error:
        raise UserError(f"{key} = {pattern!r} is not a regular expression: {error}") from None
    if not search.groups:
        raise UserError(f"{key} = {pattern!r} has no group: put the camera in brackets, as in '_c([0-9]+)'")
    cameras = {
        (person, file): _camera(folder / person / file, search, key)
        for person, names in files.items()
        for file in names
    }
    number = _numbers(set(cameras.values()))
    return {
        person: [(f"{person}/{file}", number[cameras[person, file]]) for file in names]
        for person, names in files.items()
    }


def _camera(file: Path, search: re.Pattern[str], key: str) -> str:
    match = search.search(file.name)
    if match is None or not match[1]:
        raise UserError(
            f"{file}: the name doesn't fit {key} = {search.pattern!r}, so its camera is unknown.\n"
            f"  Change the pattern, rename the file, or leave the pattern empty if there are no cameras."
        )
    return match[1]


def _numbers(cameras: set[str]) -> dict[str, int]:
    """A number for each camera: its own if all are numbers (of 18 digits at most), else its place, from 1."""
    if all(camera.isascii() and camera.isdigit() and len(camera) < 19 for camera in cameras):
        return {camera: int(camera) for camera in cameras}
    return {camera: place for place, camera in enumerate(sorted(cameras), start=1)}


def _chosen(people: dict[str, list[Picture]], share: float) -> set[str]:
    """Who is kept for the test, of those who can be found again.

    The order comes from a hash of the names, so it looks random, is the same on every machine, and hardly changes
    when somebody is added.
    """
    possible = [person for person, pictures in people.items() if _can_be_found(pictures)]
    shuffled = sorted(possible, key=lambda person: hashlib.sha256(person.encode("utf-8", "surrogateescape")).digest())
    return set(shuffled[: round(share * len(people))])


def _can_be_found(pictures: list[Picture]) -> bool:
    """A query needs a match: another image, and on another camera where cameras are known."""
    cameras = {camera for _, camera in pictures}
    return len(pictures) > 1 if cameras == {UNKNOWN} else len(cameras) > 1


def _queries(pictures: list[Picture]) -> set[str]:
    """The first image on each camera; only the first of all if nothing would be left to find."""
    first = {camera: path for path, camera in reversed(pictures)}
    return set(first.values()) if len(first) < len(pictures) else {pictures[0][0]}


def _notes(people: dict[str, list[Picture]], tested: set[str], share: float) -> list[str]:
    notes = []
    if all(camera == UNKNOWN for pictures in people.values() for _, camera in pictures):
        notes.append("cameras unknown: matches on the query's own camera count")
    if len(tested) < round(share * len(people)):
        notes.append(
            f"only {len(tested):,} of {round(share * len(people)):,} test identities: the others have nothing to be "
            "found by (a second image, on another camera where cameras are known)"
        )
    return notes
