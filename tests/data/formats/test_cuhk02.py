"""CUHK02: five pairs of cameras, of which the last is the test, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.cuhk02 import person_of, read_cuhk02
from fedreid.data.synthetic.layouts.cuhk02 import write_cuhk02
from fedreid.errors import UserError
from tests.data.pictures import rows
from tests.data.vendors import in_order, rows_of

PEOPLE = (3, 2, 1, 1, 2)


@pytest.mark.parametrize("around", ["", "Dataset", "cuhk02/Dataset", "cuhk02"])
def test_what_was_written_is_read(tmp_path: Path, around: str) -> None:
    expected = write_cuhk02(tmp_path / around, PEOPLE)
    table = read_cuhk02("c", tmp_path, verify_counts=False)
    assert rows_of(table) == in_order(expected)
    assert table.root == tmp_path / around
    # By hand: person 2 of P5 is identity 50002, and P5's cameras are 9 and 10.
    assert rows(table, "query")[-1] == ("P5/cam1/002_2.png", 50_002, 9)
    assert rows(table, "gallery")[-1] == ("P5/cam2/002_2.png", 50_002, 10)
    assert table.frame["identity"][table.frame["split"] == "train"].nunique() == 7


def test_the_whole_dataset_is_accepted_and_an_image_less_is_not(tmp_path: Path) -> None:
    write_cuhk02(tmp_path, (971, 306, 107, 193, 239))
    table = read_cuhk02("c", tmp_path)
    assert table.frame["split"].value_counts().to_dict() == {"train": 6_308, "query": 478, "gallery": 478}
    assert table.notes == ()
    (tmp_path / "P2/cam1/007_1.png").unlink()
    with pytest.raises(UserError, match="expected 6,308 training images of 1,577 identities, found 6,307 of 1,577 in"):
        read_cuhk02("c", tmp_path)


def test_a_missing_pair_and_other_names_are_refused(tmp_path: Path) -> None:
    write_cuhk02(tmp_path, PEOPLE)
    (tmp_path / "P3/cam1/readme.txt").touch()
    (tmp_path / "P3/cam1/anna.png").touch()
    with pytest.raises(UserError, match=r"P3/cam1/anna\.png: expected a name that starts with the person's number"):
        read_cuhk02("c", tmp_path, verify_counts=False)
    (tmp_path / "P4").rename(tmp_path / "P6")
    with pytest.raises(UserError, match="has no P4/cam1, P4/cam2"):
        read_cuhk02("c", tmp_path, verify_counts=False)


@given(person=st.integers(0, 9999), rest=st.from_regex(r"[0-9_]{0,8}\.png", fullmatch=True))
def test_a_name_that_was_written_is_read_back(person: int, rest: str) -> None:
    assert person_of(f"{person:03d}_{rest}") == person


@given(st.text(max_size=20))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    person = person_of(name)
    assert person is None or name.lstrip("0").startswith(f"{person or ''}_")
