"""DukeMTMC-reID: what is read, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.duke import LAYOUT, read_duke
from fedreid.data.formats.three_folders import identity_and_camera
from fedreid.data.synthetic.layouts import Shot
from fedreid.data.synthetic.layouts.three_folders import duke_name, write_three_folders
from fedreid.errors import UserError
from tests.data.vendors import in_order, rows_of, some_shots


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = write_three_folders(tmp_path, [*some_shots(), Shot(408, 8, 0, "gallery")], duke_name)
    table = read_duke("d", tmp_path, verify_counts=False)
    assert rows_of(table) == in_order(written)
    assert ("bounding_box_test/0408_c8_f0046000.jpg", 408, 8, "gallery") in written
    assert any("withdrawn" in note for note in table.notes)
    assert "not the whole of DukeMTMC-reID: counts not verified" in table.notes


@pytest.mark.parametrize("around", ["", "DukeMTMC-reID", "dukemtmc-reid/DukeMTMC-reID", "with space/héllo"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    root = tmp_path / around
    write_three_folders(root, some_shots(), duke_name)
    given_folder = root if "space" in around else tmp_path
    assert read_duke("d", given_folder, verify_counts=False).root == root


def test_the_whole_dataset_is_accepted_and_one_image_less_is_not(tmp_path: Path) -> None:
    def shots(first: int, people: int, images: int, use: str) -> list[Shot]:
        return [Shot(first + number % people, 1 + number % 8, number, use) for number in range(images)]

    train, query = shots(1, 702, 16_522, "train"), shots(703, 702, 2_228, "query")
    write_three_folders(tmp_path, [*train, *query, *shots(703, 1_110, 17_661, "gallery")], duke_name)
    assert len(read_duke("d", tmp_path).frame) == 36_411  # as the vendor's page counts
    (tmp_path / "query" / duke_name(query[0])).unlink()
    with pytest.raises(UserError, match=r"^d: expected 2,228 query images of 702 identities, found 2,227 of 702 in .*"):
        read_duke("d", tmp_path)


def test_other_files_are_ignored_and_capital_suffixes_are_images(tmp_path: Path) -> None:
    written = write_three_folders(tmp_path, some_shots(), duke_name)
    for name in ("Thumbs.db", "._0001_c2_f0046182.jpg", "0011_c4_f0046182.JPG"):
        (tmp_path / "bounding_box_train" / name).touch()
    added = set(rows_of(read_duke("d", tmp_path, verify_counts=False))) - set(written)
    assert added == {("bounding_box_train/0011_c4_f0046182.JPG", 11, 4, "train")}


def test_another_datasets_name_is_refused_with_its_file(tmp_path: Path) -> None:
    write_three_folders(tmp_path, some_shots(), duke_name)
    (tmp_path / "query" / "0002_c1s1_000451_03.jpg").touch()
    said = r"query/0002_c1s1_000451_03\.jpg: expected a name like 0001_c2_f0046182\.jpg .*, as in DukeMTMC-reID"
    with pytest.raises(UserError, match=said):
        read_duke("d", tmp_path, verify_counts=False)


def test_a_missing_folder_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*/absent\.\n.*bounding_box_train, query, bounding_box_test"):
        read_duke("d", tmp_path / "absent")
    write_three_folders(tmp_path / "whole", some_shots(), duke_name)
    with pytest.raises(
        UserError, match=r"^d: .*/whole/query is inside DukeMTMC-reID\.\n  Set data\.sources\.d\.path to"
    ):
        read_duke("d", tmp_path / "whole" / "query")
    (tmp_path / "DukeMTMC-reID" / "query").mkdir(parents=True)
    with pytest.raises(UserError, match=r"DukeMTMC-reID has no bounding_box_train, bounding_box_test\.\n"):
        read_duke("d", tmp_path)


def test_a_query_without_another_camera_is_noted(tmp_path: Path) -> None:
    shots = [*some_shots(), Shot(20, 1, 0, "query"), Shot(20, 1, 1, "gallery"), Shot(21, 2, 0, "query")]
    write_three_folders(tmp_path, shots, duke_name)
    notes = read_duke("d", tmp_path, verify_counts=False).notes
    assert "2 queries have no match on another camera: they don't count" in notes


@given(identity=st.integers(1, 99_999), camera=st.integers(1, 99), number=st.integers(0, 999))
def test_a_name_that_was_written_is_read_back(identity: int, camera: int, number: int) -> None:
    name = duke_name(Shot(identity, camera, number, "train"))
    assert identity_and_camera(name, LAYOUT.pattern) == (identity, camera)


@given(st.text(max_size=30) | st.from_regex(r"[0-9٣]{1,5}_c[0-9²]_f[0-9]*\.jpg\n?", fullmatch=True))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    found = identity_and_camera(name, LAYOUT.pattern)
    assert (found is not None) == bool(re.fullmatch("0*[1-9][0-9]*_c[0-9]+_f[0-9]+[.][A-Za-z0-9_]+", name))
