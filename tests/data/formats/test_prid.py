"""PRID 2011, single-shot: the shared people halved, the others as distractors, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.prid import person_of, read_prid
from fedreid.data.synthetic.layouts.prid import write_prid
from fedreid.errors import UserError
from tests.data.vendors import in_order, rows_of

BOTH = [1, 2, 3, 50, 200]
FIRST, SECOND = [*BOTH, 201, 385], [*BOTH, 201, 300, 749]


@pytest.mark.parametrize("split", [0, 4, 9])
def test_what_was_written_is_read(tmp_path: Path, split: int) -> None:
    write_prid(tmp_path, FIRST, SECOND)
    ordered = sorted(BOTH, key=lambda p: hashlib.sha256(f"prid draw {split} person {p}".encode()).digest())
    expected = []
    for person in BOTH:
        tested = person in ordered[:3]
        expected.append((f"cam_a/person_{person:04d}.png", person, 1, "query" if tested else "train"))
        expected.append((f"cam_b/person_{person:04d}.png", person, 2, "gallery" if tested else "train"))
    expected += [(f"cam_b/person_{person:04d}.png", 0, 2, "gallery") for person in (201, 300, 749)]
    table = read_prid("p", tmp_path, verify_counts=False, split=split)
    assert rows_of(table) == in_order(expected)
    assert table.notes == (
        "2 images of cam_a left out: people who are on no other camera",
        "3 distractors (identity 0) kept in the gallery",
        "not the whole of PRID 2011 (single-shot): counts not verified",
    )


@pytest.mark.parametrize("around", ["", "prid_2011", "prid2011/prid_2011", "prid2011"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_prid(tmp_path / around, FIRST, SECOND)
    table = read_prid("p", tmp_path, verify_counts=False)
    assert table.root == tmp_path / around / "single_shot"
    assert rows_of(read_prid("p", table.root, verify_counts=False)) == rows_of(table)


def test_the_whole_dataset_is_accepted_and_a_distractor_less_is_not(tmp_path: Path) -> None:
    write_prid(tmp_path, range(1, 386), range(1, 750))
    for split in range(10):
        table = read_prid("p", tmp_path, split=split)
        assert table.frame["split"].value_counts().to_dict() == {"gallery": 649, "train": 200, "query": 100}
    (tmp_path / "single_shot/cam_b/person_0333.png").unlink()
    with pytest.raises(UserError, match="expected 649 gallery images of 100 identities, found 648 of 100 in"):
        read_prid("p", tmp_path)


@pytest.mark.parametrize(("gone", "said"), [("cam_a", "cam_a"), ("cam_b", "cam_b")])
def test_whoever_has_lost_an_image_is_named(tmp_path: Path, gone: str, said: str) -> None:
    write_prid(tmp_path, FIRST, SECOND)
    (tmp_path / "single_shot" / gone / "person_0050.png").unlink()
    with pytest.raises(UserError, match=rf"single_shot/{said}: has no image of person 50; people 1 to 200 are on both"):
        read_prid("p", tmp_path, verify_counts=False)


@pytest.mark.parametrize("name", ["person_0000.png", "0001.png", "person_1.png"])
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    write_prid(tmp_path, FIRST, SECOND)
    (tmp_path / "single_shot/cam_a" / name).touch()
    with pytest.raises(UserError, match=rf"cam_a/{name}: expected a name like person_0001\.png"):
        read_prid("p", tmp_path, verify_counts=False)


def test_two_images_of_one_person_are_refused(tmp_path: Path) -> None:
    write_prid(tmp_path, FIRST, SECOND)
    (tmp_path / "single_shot/cam_a/person_0003.jpg").touch()
    with pytest.raises(UserError, match=r"person 3 has another image there, person_0003\.jpg; expected one"):
        read_prid("p", tmp_path, verify_counts=False)


@given(person=st.integers(1, 9999), suffix=st.sampled_from(["png", "PNG", "jpg"]))
def test_a_name_that_was_written_is_read_back(person: int, suffix: str) -> None:
    assert person_of(f"person_{person:04d}.{suffix}") == person


@given(st.text(max_size=20))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    person = person_of(name)
    assert person is None or name.startswith(f"person_{person:04d}.")
