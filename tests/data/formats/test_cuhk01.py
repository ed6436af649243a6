"""CUHK01: ten draws in two directions, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.cuhk01 import person_and_camera, read_cuhk01
from fedreid.data.synthetic.layouts.cuhk01 import write_cuhk01
from fedreid.errors import UserError
from tests.data.vendors import in_order, rows_of

PEOPLE = (1, 2, 40, 970, 971)


@pytest.mark.parametrize("split", [0, 1, 10, 19])
def test_what_was_written_is_read(tmp_path: Path, split: int) -> None:
    write_cuhk01(tmp_path, PEOPLE)
    key = {p: hashlib.sha256(f"cuhk01 draw {split // 2} person {p}".encode()).digest() for p in PEOPLE}
    tested = sorted(PEOPLE, key=lambda person: key[person])[:3]
    uses = {1: "query", 2: "gallery"} if split % 2 == 0 else {2: "query", 1: "gallery"}
    expected = [
        (f"{person:04d}{image:03d}.png", person, camera, uses[camera] if person in tested else "train")
        for person in PEOPLE
        for image, camera in ((1, 1), (2, 1), (3, 2), (4, 2))
    ]
    table = read_cuhk01("c", tmp_path, verify_counts=False, split=split)
    assert rows_of(table) == in_order(expected)


@pytest.mark.parametrize("around", ["", "CUHK01", "cuhk01"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_cuhk01(tmp_path / around, PEOPLE)
    table = read_cuhk01("c", tmp_path, verify_counts=False)
    assert table.root == tmp_path / around / "campus"
    assert rows_of(read_cuhk01("c", table.root, verify_counts=False)) == rows_of(table)


def test_the_whole_dataset_is_accepted_and_an_image_less_is_not(tmp_path: Path) -> None:
    write_cuhk01(tmp_path, range(1, 972))
    for split in (0, 19):
        table = read_cuhk01("c", tmp_path, split=split)
        assert table.frame["split"].value_counts().to_dict() == {"train": 1_940, "query": 972, "gallery": 972}
        assert table.notes == ()
    (tmp_path / "campus/0033002.png").unlink()
    with pytest.raises(UserError, match=r"expected \S+ \w+ images of 48[56] identities, found \S+ of 48[56] in"):
        read_cuhk01("c", tmp_path)


def test_whoever_is_on_one_camera_only_is_not_tested(tmp_path: Path) -> None:
    write_cuhk01(tmp_path, (1, 2))
    for image in (3, 4):
        (tmp_path / f"campus/0001{image:03d}.png").unlink()
    for split in range(20):
        table = read_cuhk01("c", tmp_path, verify_counts=False, split=split)
        assert set(table.frame["identity"][table.frame["split"] == "train"]) == {1}


@pytest.mark.parametrize("name", ["0001005.png", "0001000.png", "001001.png", "b.png"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    write_cuhk01(tmp_path, PEOPLE)
    (tmp_path / "campus" / name).touch()
    with pytest.raises(UserError, match=rf"campus/{name}: expected a name like 0001003\.png"):
        read_cuhk01("c", tmp_path, verify_counts=False)


def test_a_missing_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.sources\.c\.split = 20: expected 0 to 19"):
        read_cuhk01("c", tmp_path, split=20)


@given(person=st.integers(1, 9999), image=st.integers(1, 4))
def test_a_name_that_was_written_is_read_back(person: int, image: int) -> None:
    assert person_and_camera(f"{person:04d}{image:03d}.png") == (person, 1 if image < 3 else 2)


@given(st.text(max_size=15))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    said = person_and_camera(name)
    assert said is None or (name.startswith(f"{said[0]:04d}00") and said[1] in (1, 2))
