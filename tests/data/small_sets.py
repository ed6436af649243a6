"""A small dataset of empty files in each format whose names say something, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fedreid.data.formats import cuhk03_classic, grid, ilids_vid, prid_video
from fedreid.data.formats.cuhk01 import read_cuhk01
from fedreid.data.formats.cuhk02 import CAMERAS, PAIRS, read_cuhk02
from fedreid.data.formats.cuhk03_folders import read_cuhk03_folders
from fedreid.data.formats.duke import read_duke
from fedreid.data.formats.ilids import read_ilids
from fedreid.data.formats.market1501 import read_market1501
from fedreid.data.formats.market1501_distractors import distractor_rows
from fedreid.data.formats.pes3d import read_3dpes
from fedreid.data.formats.prid import read_prid
from fedreid.data.formats.viper import read_viper
from fedreid.data.tables import ImageTable


def three_folders(root: Path, names: Callable[[int, int], str]) -> None:
    """Market-1501's layout: two people to train on, one for the test."""
    touch(root / "bounding_box_train", [names(person, camera) for person in (1, 2) for camera in (1, 2)])
    touch(root / "query", [names(3, 1)])
    touch(root / "bounding_box_test", [names(3, 2)])


def touch(folder: Path, names: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def market(root: Path) -> None:
    three_folders(root, lambda person, camera: f"{person:04d}_c{camera}s1_000451_03.jpg")
    touch(root / "images", ["0000_c1s1_000001_00.jpg"])


def duke(root: Path) -> None:
    three_folders(root, lambda person, camera: f"{person:04d}_c{camera}_f0046182.jpg")


def cuhk03_np(root: Path) -> None:
    three_folders(root, lambda person, camera: f"{person:04d}_c{camera}_21.png")


def viper(root: Path) -> None:
    for camera in ("cam_a", "cam_b"):
        touch(root / camera, [f"{person:03d}_45.bmp" for person in range(4)])


def halves_of_grid(root: Path) -> None:
    touch(root / "probe", [f"{person:04d}_1_25004_107.jpeg" for person in (1, 2)])
    touch(root / "gallery", [f"{person:04d}_2_25004_107.jpeg" for person in (0, 1, 2)])
    (root / grid.PARTITIONS).touch()


def ilids(root: Path) -> None:
    touch(root / "Persons", [f"{person:04d}{image:03d}.jpg" for person in range(1, 5) for image in (1, 2)])


def prid(root: Path) -> None:
    for camera in ("cam_a", "cam_b"):
        touch(root / camera, [f"person_{person:04d}.png" for person in range(1, 5)])


def cuhk01(root: Path) -> None:
    touch(root / "campus", [f"{person:04d}{image:03d}.png" for person in range(1, 5) for image in range(1, 5)])


def cuhk02(root: Path) -> None:
    for pair in PAIRS:
        for camera in CAMERAS:
            touch(root / pair / camera, ["001_1.png"])


def pes3d(root: Path) -> None:
    touch(root / "RGB", [f"{person}_{view}_FRAME_26_RGB.bmp" for person in range(1, 5) for view in (1, 2)])


def videos(root: Path, folders: Iterable[str], person: str) -> None:
    for folder in folders:
        for number in range(1, 5):
            touch(root / folder / person.format(number), ["0001.png"])


def videos_of_ilids(root: Path) -> None:
    videos(root, ilids_vid.FOLDERS, "person{:03d}")
    touch((root / ilids_vid.LIST).parent, [Path(ilids_vid.LIST).name])


def cuhk03_photos(root: Path) -> None:
    names = [f"1_{person:03d}_{1 + image // 6}_{image:02d}.png" for person in range(1, 4) for image in (1, 6)]
    touch(root / "images_detected", names)


def half(file: Path, people: list[int], split: int) -> set[int]:
    """In place of a list in a .mat file."""
    return set(people[: len(people) // 2])


def read_distractors(name: str, folder: Path, **options: Any) -> list[Any]:
    return distractor_rows(name, folder, **options)


def read_classic(name: str, folder: Path, **options: Any) -> ImageTable:
    images = folder / "images_detected"
    return cuhk03_classic.classic_table(name, images, folder / "cuhk-03.mat", "detected", 0, **options)


@dataclass(frozen=True)
class Case:
    """A format.

    Attributes:
        write: makes a small dataset.
        read: reads it.
        inside: folders that a further name is put into.
        example: a name that fits.
        is_folder: whether it is a folder's, with an image in it.
    """

    write: Callable[[Path], None]
    read: Callable[..., Any]
    inside: tuple[str, ...]
    example: str
    is_folder: bool = False


CASES = {
    "market1501": Case(
        market, read_market1501, ("bounding_box_train", "query", "bounding_box_test"), "0002_c1s1_000451_04.jpg"
    ),
    "distractors": Case(market, read_distractors, ("images",), "0000_c1s1_000451_04.jpg"),
    "duke": Case(duke, read_duke, ("bounding_box_train", "query", "bounding_box_test"), "0001_c2_f0046183.jpg"),
    "cuhk03-np": Case(cuhk03_np, read_cuhk03_folders, ("bounding_box_train", "query"), "0003_c1_22.png"),
    "cuhk03-classic": Case(cuhk03_photos, read_classic, ("images_detected",), "1_001_1_02.png"),
    "viper": Case(viper, read_viper, ("cam_a", "cam_b"), "004_45.bmp"),
    "grid": Case(halves_of_grid, grid.read_grid, ("probe", "gallery"), "0001_1_25004_108.jpeg"),
    "ilids": Case(ilids, read_ilids, ("Persons",), "0001003.jpg"),
    "prid": Case(prid, read_prid, ("cam_a", "cam_b"), "person_0201.png"),
    "cuhk01": Case(cuhk01, read_cuhk01, ("campus",), "0005001.png"),
    "cuhk02": Case(cuhk02, read_cuhk02, ("P1/cam1", "P5/cam2"), "002_1.png"),
    "3dpes": Case(pes3d, read_3dpes, ("RGB",), "1_3_FRAME_26_RGB.bmp"),
    "ilids-vid": Case(videos_of_ilids, ilids_vid.read_ilids_vid, ilids_vid.FOLDERS, "person005", True),
    "prid-video": Case(
        lambda root: videos(root, prid_video.FOLDERS, "person_{:04d}"),
        prid_video.read_prid_video,
        prid_video.FOLDERS,
        "person_0005",
        True,
    ),
}


def without_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists in .mat files have tests of their own; here they say something, whatever is there."""
    monkeypatch.setattr(grid, "_training_people", lambda file, split: {1})
    monkeypatch.setattr(ilids_vid, "half_in_matlab", half)
    monkeypatch.setattr(prid_video, "SHORTEST", 1)
    monkeypatch.setattr(cuhk03_classic, "people_of_test_set", lambda release, split: {(1, 1)})
