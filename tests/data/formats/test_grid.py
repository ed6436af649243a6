"""GRID: the vendor's halves, distractors, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.grid import identity_and_camera, read_grid
from fedreid.data.synthetic.layouts.grid import write_grid, write_partitions
from fedreid.errors import UserError
from tests.data.vendors import in_order, rows_of

PEOPLE = range(1, 7)
HALVES = [[1, 2, 3], [2, 4, 6], *[[1, 5, 6]] * 8]


@pytest.fixture(autouse=True)
def _scipy() -> None:
    pytest.importorskip("scipy")


@pytest.mark.parametrize("split", [0, 1, 9])
def test_what_was_written_is_read(tmp_path: Path, split: int) -> None:
    written = write_grid(tmp_path, PEOPLE, 4, HALVES)
    uses = {"probe": "query", "gallery": "gallery"}
    expected = [
        (path, identity, camera, "train" if identity in HALVES[split] else uses[folder])
        for path, identity, camera, folder in written
    ]
    table = read_grid("g", tmp_path, verify_counts=False, split=split)
    assert rows_of(table) == in_order(expected)
    assert "4 distractors (identity 0) kept in the gallery" in table.notes


def test_distractors_can_be_left_out(tmp_path: Path) -> None:
    write_grid(tmp_path, PEOPLE, 4, HALVES)
    table = read_grid("g", tmp_path, verify_counts=False, distractors=False)
    assert table.frame["split"].value_counts().to_dict() == {"train": 6, "query": 3, "gallery": 3}
    assert "4 distractors (0000) left out" in table.notes


@pytest.mark.parametrize("around", ["underground_reid", "grid/underground_reid", "grid"])
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, around: str) -> None:
    write_grid(tmp_path / around, PEOPLE, 1, HALVES)
    assert read_grid("g", tmp_path, verify_counts=False).root == tmp_path / around


def test_the_whole_dataset_is_accepted_and_one_image_less_is_not(tmp_path: Path) -> None:
    halves = [range(1 + number, 126 + number) for number in range(10)]
    written = write_grid(tmp_path, range(1, 251), 775, halves)
    assert len(written) == 1_275  # as the vendor's page counts
    for split in (0, 9):
        table = read_grid("g", tmp_path, split=split)
        assert table.frame["split"].value_counts().to_dict() == {"train": 250, "query": 125, "gallery": 900}
    assert len(read_grid("g", tmp_path, distractors=False).frame) == 500
    (tmp_path / written[-1][0]).unlink()
    with pytest.raises(UserError, match=r"expected 900 gallery images of 125 identities, found 899 of 125 in"):
        read_grid("g", tmp_path)


def test_a_missing_file_of_halves_is_named(tmp_path: Path) -> None:
    write_grid(tmp_path, PEOPLE, 1, HALVES)
    (tmp_path / "features_and_partitions.mat").unlink()
    with pytest.raises(UserError, match=r"has no features_and_partitions\.mat\.\n"):
        read_grid("g", tmp_path)


def test_fewer_halves_are_refused(tmp_path: Path) -> None:
    write_grid(tmp_path, PEOPLE, 1, HALVES)
    write_partitions(tmp_path / "features_and_partitions.mat", HALVES[:3])
    with pytest.raises(UserError, match=r"expected trainIdxAll to hold 10 partitions"):
        read_grid("g", tmp_path, verify_counts=False, split=3)


@pytest.mark.parametrize("name", ["probe/0000_1_25004_107_32_106_221.jpeg", "gallery/anna.jpeg"])
def test_a_name_that_does_not_fit_is_refused(tmp_path: Path, name: str) -> None:
    write_grid(tmp_path, PEOPLE, 1, HALVES)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=rf"{name}: expected a name like 0001_1_25004_107_32_106_221\.jpeg"):
        read_grid("g", tmp_path, verify_counts=False)


@given(identity=st.integers(0, 9_999), camera=st.integers(1, 8), box=st.lists(st.integers(0, 999), min_size=1))
def test_a_name_that_was_written_is_read_back(identity: int, camera: int, box: list[int]) -> None:
    name = f"{identity:04d}_{camera}_{'_'.join(map(str, box))}.jpeg"
    assert identity_and_camera(name) == (identity, camera)


@given(st.text(max_size=30))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    found = identity_and_camera(name)
    assert found is None or name.split("_")[0].isdigit()
