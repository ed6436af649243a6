"""3DPeS: views halved into queries and gallery, and what is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.decoding import decode
from fedreid.data.formats.pes3d import person_and_view, read_3dpes
from fedreid.data.synthetic.layouts.pes3d import write_3dpes
from fedreid.errors import UserError
from tests.data.pictures import HEIGHT, WIDTH, pixels, rows
from tests.data.vendors import in_order, paint, rows_of

VIEWS = {1: (1, 2), 5: (3,), 9: (1, 2, 3), 100: (2, 3, 7, 8), 101: (1, 4)}
IMAGES = {(person, view): 1 + (person + view) % 3 for person, views in VIEWS.items() for view in views}


def rule(text: str, draw: int, numbers: list[int]) -> list[int]:
    """The documented order of a draw."""
    return sorted(numbers, key=lambda n: hashlib.sha256(f"{text} draw {draw} person {n}".encode()).digest())


@pytest.mark.parametrize("split", [0, 5, 9])
def test_what_was_written_is_read(tmp_path: Path, split: int) -> None:
    write_3dpes(tmp_path, IMAGES)
    tested = rule("3dpes", split, [1, 9, 100, 101])[:2]  # 5 people; person 5 has one view only
    expected = []
    for (person, view), many in IMAGES.items():
        queried = rule(f"3dpes {person}", split, list(VIEWS[person]))[: len(VIEWS[person]) // 2]
        use = "train" if person not in tested else "query" if view in queried else "gallery"
        files = [f"{person}_{view}_FRAME_{26 + 5 * number}_RGB.bmp" for number in range(many)]
        expected += [(file, person, view, use) for file in files]
    table = read_3dpes("d", tmp_path, verify_counts=False, split=split)
    assert rows_of(table) == in_order(expected)
    for person in tested:
        seen = [{view for _, who, view in rows(table, use) if who == person} for use in ("query", "gallery")]
        assert (len(seen[0]), seen[0] | seen[1]) == (len(VIEWS[person]) // 2, set(VIEWS[person]))
        assert not seen[0] & seen[1]


def test_whoever_has_one_view_only_is_not_tested(tmp_path: Path) -> None:
    write_3dpes(tmp_path, IMAGES)
    for split in range(10):
        table = read_3dpes("d", tmp_path, verify_counts=False, split=split)
        assert set(table.frame["split"][table.frame["identity"] == 5]) == {"train"}


@pytest.mark.parametrize("around", ["", "3DPeS", "3DPeS_ReId_Snap/3DPeS", "3dpes"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_3dpes(tmp_path / around, IMAGES)
    table = read_3dpes("d", tmp_path, verify_counts=False)
    assert table.root == tmp_path / around / "RGB"
    assert rows_of(read_3dpes("d", table.root, verify_counts=False)) == rows_of(table)


def test_the_whole_dataset_is_accepted_and_an_image_less_is_not(tmp_path: Path) -> None:
    # 192 people with 5 images each are 960; 51 have one more on their second view.
    write_3dpes(tmp_path, {(p, v): 2 + v % 2 + (p <= 51 and v == 2) for p in range(1, 193) for v in (1, 2)})
    for split in (0, 9):
        table = read_3dpes("d", tmp_path, split=split)
        assert table.frame.groupby("split")["identity"].nunique().to_dict() == {"train": 96, "query": 96, "gallery": 96}
        assert len(table.frame) == 1_011
        assert table.notes == ()
    (tmp_path / "RGB/7_1_FRAME_26_RGB.bmp").unlink()
    with pytest.raises(UserError, match=r"expected 1,011 images of 192 identities, found 1,010 of 192 in"):
        read_3dpes("d", tmp_path)


def test_its_bitmaps_are_decoded(tmp_path: Path) -> None:
    write_3dpes(tmp_path, {(person, view): 1 for person in (1, 2) for view in (1, 2)}, paint)
    table = read_3dpes("d", tmp_path, verify_counts=False)
    for path, person, view, _ in rows_of(table):
        image = decode((table.root / path).read_bytes(), (HEIGHT, WIDTH))
        np.testing.assert_array_equal(image, pixels((person * 100 + view) * 100))


def test_other_names_are_refused(tmp_path: Path) -> None:
    write_3dpes(tmp_path, IMAGES)
    (tmp_path / "RGB/100_3_FRAME_26_MASK.bmp").touch()
    with pytest.raises(UserError, match=r"RGB/100_3_FRAME_26_MASK\.bmp: expected a name like 100_3_FRAME_26_RGB\.bmp"):
        read_3dpes("d", tmp_path, verify_counts=False)


@pytest.mark.parametrize(
    ("name", "said"),
    [("100_3_FRAME_26_RGB.bmp", (100, 3)), ("7_12B_FRAME_1_RGB.BMP", (7, 12)), ("7_2_1_FRAME_1_RGB.bmp", (7, 2))],
)
def test_names_with_parts_of_a_view_are_read(name: str, said: tuple[int, int]) -> None:
    assert person_and_view(name) == said


@given(person=st.integers(1, 999), view=st.integers(0, 99), frame=st.integers(0, 99_999))
def test_a_name_that_was_written_is_read_back(person: int, view: int, frame: int) -> None:
    assert person_and_view(f"{person}_{view}_FRAME_{frame}_RGB.bmp") == (person, view)


@given(st.text(max_size=30))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    assert person_and_view(name) is None or "_FRAME_" in name
