"""iLIDS stills: one query and one match each, drawn; and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.ilids import person_and_image, read_ilids
from fedreid.data.synthetic.layouts.ilids import write_ilids
from fedreid.errors import UserError
from tests.data.pictures import rows
from tests.data.vendors import in_order, rows_of

IMAGES = {1: 2, 2: 4, 3: 3, 7: 8, 119: 2}


def rule(text: str, draw: int, numbers: list[int]) -> list[int]:
    """The documented order of a draw."""
    return sorted(numbers, key=lambda n: hashlib.sha256(f"{text} draw {draw} person {n}".encode()).digest())


@pytest.mark.parametrize("split", [0, 3, 9])
def test_what_was_written_is_read(tmp_path: Path, split: int) -> None:
    write_ilids(tmp_path, IMAGES)
    tested = rule("ilids", split, list(IMAGES))[:3]  # 5 people: 2 train
    expected = []
    for person, many in IMAGES.items():
        numbers = list(range(1, many + 1))
        if person not in tested:
            expected += [(f"{person:04d}{image:03d}.jpg", person, -1, "train") for image in numbers]
        else:
            query, match = rule(f"ilids {person}", split, numbers)[:2]
            expected.append((f"{person:04d}{query:03d}.jpg", person, query, "query"))
            expected.append((f"{person:04d}{match:03d}.jpg", person, match, "gallery"))
    table = read_ilids("i", tmp_path, verify_counts=False, split=split)
    assert rows_of(table) == in_order(expected)
    left_out = sum(IMAGES[person] - 2 for person in tested)
    assert f"{left_out:,} images of test people left out: one query and one match each" in table.notes


@pytest.mark.parametrize("around", ["", "i-LIDS_Pedestrian", "ilids/i-LIDS_Pedestrian", "ilids"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_ilids(tmp_path / around, IMAGES)
    table = read_ilids("i", tmp_path, verify_counts=False)
    assert table.root == tmp_path / around / "Persons"
    assert all((table.root / path).is_file() for path in table.frame["path"])
    flat = read_ilids("i", table.root, verify_counts=False)
    assert rows_of(flat) == rows_of(table)


def test_the_whole_dataset_is_accepted_and_an_image_less_is_not(tmp_path: Path) -> None:
    write_ilids(tmp_path, dict.fromkeys(range(1, 120), 4))
    for split in range(10):
        table = read_ilids("i", tmp_path, split=split)
        assert table.frame["split"].value_counts().to_dict() == {"train": 236, "query": 60, "gallery": 60}
        people = table.frame.groupby("split")["identity"].agg(set)
        assert people["query"] == people["gallery"]
        assert len(people["query"]) == 60
        assert not people["query"] & people["train"]
    (tmp_path / "Persons" / "0005001.jpg").unlink()
    with pytest.raises(UserError, match=r"expected 476 images of 119 identities, found 475 of 119 in .*Persons\.\n"):
        read_ilids("i", tmp_path)


def test_whoever_has_one_image_only_is_not_tested(tmp_path: Path) -> None:
    write_ilids(tmp_path, {1: 1, 2: 2, 3: 1, 4: 3})
    for split in range(10):
        table = read_ilids("i", tmp_path, verify_counts=False, split=split)
        assert {person for _, person, _ in rows(table, "query")} == {2, 4}


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    write_ilids(tmp_path, {1: 2})
    with pytest.raises(UserError, match="holds too few people to train on some and test others: 2 images of 1"):
        read_ilids("i", tmp_path, verify_counts=False)


def test_other_names_and_two_files_of_one_image_are_refused(tmp_path: Path) -> None:
    write_ilids(tmp_path, IMAGES)
    (tmp_path / "Persons" / "Thumbs.db").touch()
    (tmp_path / "Persons" / "0001001.PNG").touch()
    with pytest.raises(UserError, match=r"Persons/0001001\.jpg: 0001001\.PNG is image 1 of person 1, too"):
        read_ilids("i", tmp_path, verify_counts=False)
    (tmp_path / "Persons" / "0001001.PNG").rename(tmp_path / "Persons" / "anna.PNG")
    with pytest.raises(UserError, match=r"Persons/anna\.PNG: expected a name like 0001002\.jpg"):
        read_ilids("i", tmp_path, verify_counts=False)


def test_a_missing_folder_and_a_missing_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no folder .*/absent\.\n.*Persons"):
        read_ilids("i", tmp_path / "absent")
    with pytest.raises(UserError, match=r"has no Persons\.\n"):
        read_ilids("i", tmp_path)
    with pytest.raises(UserError, match=r"data\.sources\.i\.split = 10: expected 0 to 9"):
        read_ilids("i", tmp_path, split=10)


@given(person=st.integers(1, 9999), image=st.integers(0, 999), suffix=st.sampled_from(["jpg", "JPG", "png"]))
def test_a_name_that_was_written_is_read_back(person: int, image: int, suffix: str) -> None:
    assert person_and_image(f"{person:04d}{image:03d}.{suffix}") == (person, image)


@given(st.text(max_size=15))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    said = person_and_image(name)
    assert said is None or name.startswith(f"{said[0]:04d}{said[1]:03d}.")
