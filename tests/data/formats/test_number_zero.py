"""Who is number 0: a person, nobody in particular, or a mistake. Vendors differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.data.tables import ImageTable
from fedreid.errors import UserError
from tests.data.small_sets import CASES, touch, without_lists


@pytest.fixture(autouse=True)
def lists(monkeypatch: pytest.MonkeyPatch) -> None:
    without_lists(monkeypatch)


@pytest.mark.parametrize(
    ("case", "inside", "name"),
    [
        ("ilids", "Persons", "0000001.jpg"),
        ("cuhk01", "campus", "0000001.png"),
        ("3dpes", "RGB", "0_1_FRAME_26_RGB.bmp"),
        ("3dpes", "RGB", "000_1_FRAME_26_RGB.bmp"),
        ("prid", "cam_a", "person_0000.png"),
        ("duke", "bounding_box_train", "0000_c1_f0046182.jpg"),
        ("cuhk03-np", "bounding_box_test", "0000_c1_21.png"),
        ("ilids-vid", "sequences/cam1", "person000"),
        ("prid-video", "multi_shot/cam_b", "person_0000"),
    ],
)
def test_where_people_count_from_1_it_is_refused_by_name(tmp_path: Path, case: str, inside: str, name: str) -> None:
    made = CASES[case]
    made.write(tmp_path)
    made.read("set", tmp_path, verify_counts=False)
    touch(tmp_path / inside / name, ["0001.png"]) if made.is_folder else touch(tmp_path / inside, [name])
    with pytest.raises(UserError, match=rf"{inside}/{name}: expected a (folder's )?name like .*\n  Rename the f"):
        made.read("set", tmp_path, verify_counts=False)


def test_viper_has_a_person_0(tmp_path: Path) -> None:
    CASES["viper"].write(tmp_path)
    table: ImageTable = CASES["viper"].read("set", tmp_path, verify_counts=False)
    assert sorted(set(table.frame["identity"])) == [1, 2, 3, 4]  # 0 would be nobody in particular
    assert set(table.frame.loc[table.frame["path"] == "cam_a/000_45.bmp", "identity"]) == {1}


@pytest.mark.parametrize("case", ["market1501", "grid"])
def test_where_it_is_nobody_in_particular_it_is_kept_in_the_gallery(tmp_path: Path, case: str) -> None:
    CASES[case].write(tmp_path)
    inside, name = {
        "market1501": ("bounding_box_test", "0000_c1s1_000451_03.jpg"),
        "grid": ("gallery", "0000_2_25004_107.jpeg"),
    }[case]
    touch(tmp_path / inside, [name])
    table: ImageTable = CASES[case].read("set", tmp_path, verify_counts=False)
    assert list(table.frame.loc[table.frame["identity"] == 0, "split"]) == ["gallery"]
    assert any("kept in the gallery" in note for note in table.notes)
