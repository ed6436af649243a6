"""A dataset's folder given one level too deep, too high, empty, half unpacked, or as a file: said, in every format."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from fedreid.data.formats import cuhk01, ilids, pes3d
from fedreid.errors import UserError
from tests.data.small_sets import CASES, without_lists

LAYOUTS = [name for name in CASES if name not in ("distractors", "cuhk03-classic")]  # parts of other datasets
# Where the images are in one folder, which may be given itself.
ONE_FOLDER = {"ilids": "Persons", "cuhk01": "campus", "3dpes": "RGB"}
VENDORS = {"ilids": ilids.VENDOR, "cuhk01": cuhk01.VENDOR, "3dpes": pes3d.VENDOR}


@pytest.fixture
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    CASES[request.param].write(tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    without_lists(monkeypatch)


def said(layout: str, folder: Path) -> str:
    """What the user is told."""
    with pytest.raises(UserError) as found:
        CASES[layout].read("mine", folder, verify_counts=False)
    text = str(found.value)
    assert text.startswith("mine: ")
    assert "\n  " in text  # what to do
    return text


@pytest.mark.parametrize(("layout", "root"), [(name, name) for name in LAYOUTS], indirect=["root"])
def test_the_folder_around_an_unknown_folder_is_too_high(layout: str, root: Path) -> None:
    assert str(root.parent) in said(layout, root.parent)


@pytest.mark.parametrize(
    ("layout", "root"), [(name, name) for name in LAYOUTS if name not in ONE_FOLDER], indirect=["root"]
)
def test_one_of_its_folders_is_too_deep(layout: str, root: Path) -> None:
    inside = root / CASES[layout].inside[0].split("/")[0]
    assert str(inside) in said(layout, inside)


@pytest.mark.parametrize(
    ("layout", "around"),
    [(name, around) for name, vendor in VENDORS.items() for around in ("", *vendor.nested)],
)
def test_images_without_the_vendors_own_folder_around_them(layout: str, around: str, tmp_path: Path) -> None:
    CASES[layout].write(tmp_path / "set")
    expected = CASES[layout].read("mine", tmp_path / "set", verify_counts=False).frame
    (tmp_path / "flat" / around).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "set" / ONE_FOLDER[layout]).rename(tmp_path / "flat" / around)
    found = CASES[layout].read("mine", tmp_path / "flat", verify_counts=False)
    assert found.root == tmp_path / "flat" / around
    pd.testing.assert_frame_equal(found.frame, expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_empty_folder_a_file_and_nothing(layout: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "archive.zip").touch()
    assert f"{tmp_path}/empty" in said(layout, tmp_path / "empty")
    assert f"there is no folder {tmp_path}/archive.zip" in said(layout, tmp_path / "archive.zip")
    assert f"there is no folder {tmp_path}/absent" in said(layout, tmp_path / "absent")


@pytest.mark.parametrize(("layout", "root"), [(name, name) for name in LAYOUTS], indirect=["root"])
def test_a_folder_that_was_not_unpacked_is_named(layout: str, root: Path) -> None:
    missing = CASES[layout].inside[-1]
    shutil.rmtree(root / missing)
    assert missing in said(layout, root)


@pytest.mark.parametrize(("layout", "root"), [(name, name) for name in LAYOUTS], indirect=["root"])
def test_a_file_in_place_of_a_folder_is_named(layout: str, root: Path) -> None:
    place = root / CASES[layout].inside[-1]
    shutil.rmtree(place)
    place.touch()
    with pytest.raises(UserError) as found:
        CASES[layout].read("mine", root, verify_counts=False)
    assert place.name in str(found.value)
