"""iLIDS-VID: the vendor's halves by place among the people, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.data.formats.ilids_vid import read_ilids_vid
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.synthetic.layouts.ilids_vid import LIST, write_halves, write_ilids_vid
from fedreid.errors import UserError

LENGTHS = {1: (3, 2), 2: (1, 1), 19: (2, 4), 319: (1, 2)}  # people at places 1, 2, 3 and 4
ORDERS = [[2, 4, 1, 3], *[[3, 1, 4, 2]] * 9]


@pytest.fixture(autouse=True)
def _scipy() -> None:
    pytest.importorskip("scipy")


def write(root: Path) -> Path:
    write_ilids_vid(root / "i-LIDS-VID", LENGTHS)
    write_halves(root / LIST, ORDERS)
    return root


def said(table: TrackletTable) -> list[tuple[int, int, str, int]]:
    """(identity, camera, split, number of frames) of each tracklet."""
    rows = table.frame.itertuples(index=False, name=None)
    return [(identity, camera, split, stop - start) for identity, camera, split, start, stop in rows]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    table = read_ilids_vid("v", write(tmp_path), verify_counts=False)
    assert said(table) == [
        (1, 1, "train", 3),
        (19, 1, "train", 2),
        (1, 2, "train", 2),
        (19, 2, "train", 4),
        (2, 1, "query", 1),
        (319, 1, "query", 1),
        (2, 2, "gallery", 1),
        (319, 2, "gallery", 2),
    ]
    assert table.frames(0) == tuple(f"sequences/cam1/person001/cam1_person001_{n:05d}.png" for n in (317, 318, 319))
    assert all((table.root / path).is_file() for path in table.images)
    tested = {row[0] for row in said(read_ilids_vid("v", tmp_path, verify_counts=False, split=9)) if row[2] == "query"}
    assert tested == {19, 1}


@pytest.mark.parametrize(
    ("data", "lists"),
    [
        ("", ""),
        ("i-LIDS-VID", "i-LIDS-VID"),
        ("i-LIDS-VID/i-LIDS-VID", "i-LIDS-VID"),
        ("ilids-vid/i-LIDS-VID", "ilids-vid"),
        ("ilids-vid/i-LIDS-VID", ""),
    ],
)
def test_the_vendors_folders_around_it_are_found(tmp_path: Path, data: str, lists: str) -> None:
    write_ilids_vid(tmp_path / data, LENGTHS)
    write_halves(tmp_path / lists / LIST, ORDERS)
    assert read_ilids_vid("v", tmp_path, verify_counts=False).root == tmp_path / data


def test_the_whole_dataset_is_accepted_and_a_person_less_is_not(tmp_path: Path) -> None:
    numbers = [number for number in range(1, 320) if number % 16]  # 300 of 319
    write_ilids_vid(tmp_path, dict.fromkeys(numbers, (1, 1)))
    write_halves(tmp_path / LIST, [list(range(300, 0, -1))] * 10)
    table = read_ilids_vid("v", tmp_path)
    assert table.frame["split"].value_counts().to_dict() == {"train": 300, "query": 150, "gallery": 150}
    assert table.notes == ()
    assert set(table.frame["identity"][table.frame["split"] == "query"]) == set(numbers[150:])
    write_halves(tmp_path / LIST, [list(range(4, 0, -1))] * 10)
    with pytest.raises(UserError, match=r"ls_set has the shape \(10, 4\); expected more than 0 splits of 300 people"):
        read_ilids_vid("v", tmp_path)


def test_subset_counts_are_refused_unless_it_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected 300 training tracklets of 150 identities, found 4 of 2 identities"):
        read_ilids_vid("v", write(tmp_path))


def test_folders_may_be_links_in_paths_with_spaces(tmp_path: Path) -> None:
    write(tmp_path / "mes vidéos")
    person = tmp_path / "mes vidéos/i-LIDS-VID/sequences/cam1/person019"
    person.rename(tmp_path / "elsewhere")
    person.symlink_to(tmp_path / "elsewhere")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "mes vidéos")
    assert said(read_ilids_vid("v", link, verify_counts=False))[1] == (19, 1, "train", 2)


def test_whoever_is_on_one_camera_only_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "i-LIDS-VID/sequences/cam2/person019").rename(tmp_path / "person019")
    with pytest.raises(UserError, match=r"sequences/cam2: has no folder of person 019, who is on the other camera"):
        read_ilids_vid("v", tmp_path, verify_counts=False)


def test_an_empty_folder_and_another_name_are_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "i-LIDS-VID/sequences/cam1/person002/cam1_person002_00317.png").unlink()
    with pytest.raises(UserError, match=r"cam1/person002: holds no images"):
        read_ilids_vid("v", tmp_path, verify_counts=False)
    (tmp_path / "i-LIDS-VID/sequences/cam1/anna").mkdir()
    with pytest.raises(UserError, match=r"cam1/anna: expected a folder's name like person001"):
        read_ilids_vid("v", tmp_path, verify_counts=False)


def test_a_missing_list_and_one_that_is_no_order_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    write_halves(tmp_path / LIST, [[1, 1, 2, 3]] * 10)
    with pytest.raises(UserError, match=r"split 0 of ls_set isn't an order of the people 1 to 4"):
        read_ilids_vid("v", tmp_path, verify_counts=False)
    (tmp_path / LIST).unlink()
    with pytest.raises(UserError, match=r"there is no train-test people splits/train_test_splits_ilidsvid\.mat in"):
        read_ilids_vid("v", tmp_path, verify_counts=False)


def test_a_split_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.sources\.v\.split = 10: expected 0 to 9"):
        read_ilids_vid("v", tmp_path, split=10)
