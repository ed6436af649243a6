"""VIPeR: 20 splits of pairs, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.decoding import decode
from fedreid.data.formats.viper import person_of, read_viper
from fedreid.data.synthetic.layouts.viper import write_viper
from fedreid.errors import UserError
from tests.data.pictures import HEIGHT, WIDTH, pixels
from tests.data.vendors import in_order, paint, rows_of

PEOPLE = (0, 1, 3, 40, 872, 873)


def chosen(draw: int) -> set[int]:
    """Half of `PEOPLE`, by the documented rule."""
    digest = {person: hashlib.sha256(f"viper draw {draw} person {person}".encode()).digest() for person in PEOPLE}
    return set(sorted(PEOPLE, key=lambda person: digest[person])[:3])


@pytest.mark.parametrize("split", [0, 1, 7, 18, 19])
def test_what_was_written_is_read(tmp_path: Path, split: int) -> None:
    written = write_viper(tmp_path, PEOPLE)
    table = read_viper("v", tmp_path, verify_counts=False, split=split)
    uses = ("query", "gallery") if split % 2 == 0 else ("gallery", "query")
    expected = []
    for person, paths in written.items():
        for camera in (0, 1):
            use = uses[camera] if person in chosen(split // 2) else "train"
            expected.append((paths[camera], person + 1, camera + 1, use))
    assert rows_of(table) == in_order(expected)
    assert table.notes == ("not the whole of VIPeR: counts not verified",)


@pytest.mark.parametrize("around", ["VIPeR", "viper/VIPeR", "VIPeR.v1.0"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_viper(tmp_path / around, PEOPLE)
    assert read_viper("v", tmp_path, verify_counts=False).root == tmp_path / around


def test_the_whole_dataset_is_accepted_and_a_pair_less_is_not(tmp_path: Path) -> None:
    written = write_viper(tmp_path, [*range(300), *range(542, 874)])  # 632 of 874 numbers
    for split in (0, 13):
        table = read_viper("v", tmp_path, split=split)
        assert table.frame["split"].value_counts().to_dict() == {"train": 632, "query": 316, "gallery": 316}
        assert table.notes == ()
    for path in written[7]:
        (tmp_path / path).unlink()
    with pytest.raises(UserError, match=r"expected 316 query images of 316 identities, found 315 of 315 in"):
        read_viper("v", tmp_path)


def test_whoever_has_no_second_image_is_named(tmp_path: Path) -> None:
    written = write_viper(tmp_path, PEOPLE)
    (tmp_path / written[40][0]).unlink()
    with pytest.raises(UserError, match=r"cam_b/040_\d+\.bmp: cam_a has no image of person 040\.\n"):
        read_viper("v", tmp_path, verify_counts=False)


def test_a_second_image_on_a_camera_is_refused(tmp_path: Path) -> None:
    write_viper(tmp_path, PEOPLE)
    (tmp_path / "cam_a" / "003_7.bmp").touch()
    with pytest.raises(UserError, match=r"cam_a/003_\d+\.bmp: person 003 has another image there, 003_\d+\.bmp"):
        read_viper("v", tmp_path, verify_counts=False)


def test_another_name_is_refused_and_other_files_are_ignored(tmp_path: Path) -> None:
    write_viper(tmp_path, PEOPLE)
    (tmp_path / "cam_a" / "README.txt").touch()
    read_viper("v", tmp_path, verify_counts=False)
    (tmp_path / "cam_a" / "3_45.bmp").touch()
    with pytest.raises(UserError, match=r"cam_a/3_45\.bmp: expected a name like 000_45\.bmp"):
        read_viper("v", tmp_path, verify_counts=False)


def test_its_bitmaps_are_decoded(tmp_path: Path) -> None:
    write_viper(tmp_path, (0, 1), paint)
    table = read_viper("v", tmp_path, verify_counts=False)
    for path, identity, camera, _ in rows_of(table):
        expected = pixels((identity - 1) * 10_000 + camera * 100)  # as `paint` numbers its pictures
        np.testing.assert_array_equal(decode((table.root / path).read_bytes(), (HEIGHT, WIDTH)), expected)


def test_a_split_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    for split in (-1, 20):
        with pytest.raises(UserError, match=rf"data\.sources\.v\.split = {split}: expected 0 to 19"):
            read_viper("v", tmp_path, split=split)


@given(person=st.integers(0, 999), angle=st.integers(0, 360), suffix=st.sampled_from(["bmp", "BMP", "png"]))
def test_a_name_that_was_written_is_read_back(person: int, angle: int, suffix: str) -> None:
    assert person_of(f"{person:03d}_{angle}.{suffix}") == person


@given(st.text(max_size=20))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    person = person_of(name)
    assert person is None or name.startswith(f"{person:03d}_")
