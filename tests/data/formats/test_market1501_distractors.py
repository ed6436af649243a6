"""Market-1501's 500,000 further distractors."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.data.formats import market1501_distractors
from fedreid.data.formats.market1501 import read_market1501
from fedreid.data.formats.market1501_distractors import distractor_rows, with_distractors
from fedreid.errors import UserError
from tests.data.pictures import market
from tests.data.vendors import rows_of

NAMES = ["0000_c5s1_000151_02.jpg", "-1_c2s1_000151_02.jpg", "000123.jpg"]


def images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()


def test_every_image_is_a_distractor_of_the_gallery(tmp_path: Path) -> None:
    images(tmp_path / "images", [*NAMES, "Thumbs.db"])
    assert distractor_rows("m", tmp_path, verify_counts=False) == [
        ("images/-1_c2s1_000151_02.jpg", 0, 2, "gallery"),
        ("images/0000_c5s1_000151_02.jpg", 0, 5, "gallery"),
        ("images/000123.jpg", 0, -1, "gallery"),
    ]


def test_the_folder_may_be_beside_the_datasets(tmp_path: Path) -> None:
    images(tmp_path / "images", NAMES)
    (tmp_path / "Market-1501-v15.09.15").mkdir()
    root = tmp_path / "Market-1501-v15.09.15"
    rows = distractor_rows("m", root, verify_counts=False)
    assert all((root / path).is_file() for path, *_ in rows)


def test_they_join_the_gallery_of_a_table(tmp_path: Path) -> None:
    market(tmp_path, ["0002_c1s1_000451_03.jpg"], ["0012_c1s1_000776_00.jpg"], ["0012_c4s1_000801_02.jpg"])
    table = read_market1501("m", tmp_path, verify_counts=False)
    images(tmp_path / "images", NAMES)
    longer = with_distractors(table, verify_counts=False)
    before, after = rows_of(table), rows_of(longer)
    assert after[:2] == before[:2]
    assert after[2:] == [before[2], *distractor_rows("m", tmp_path, verify_counts=False)]
    assert longer.frame.dtypes.equals(table.frame.dtypes)
    assert longer.notes == (*table.notes, "3 further distractors in the gallery (Market-1501+500k)")


def test_too_few_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images(tmp_path / "images", NAMES)
    with pytest.raises(UserError, match=r"m: expected at least 500,000 distractors, found 3 in .*images\."):
        distractor_rows("m", tmp_path)
    monkeypatch.setattr(market1501_distractors, "AT_LEAST", 3)
    assert len(distractor_rows("m", tmp_path)) == 3


def test_no_folder_no_images_and_people_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no folder images\.\n  Unpack distractors_500k\.zip there"):
        distractor_rows("m", tmp_path / "data")
    images(tmp_path / "data" / "images", [])
    with pytest.raises(UserError, match="found 0 in"):
        distractor_rows("m", tmp_path / "data", verify_counts=False)
    (tmp_path / "data" / "images" / "0012_c1s1_000776_00.jpg").touch()
    with pytest.raises(UserError, match=r"0012_c1s1_000776_00\.jpg: is named as identity 12, which is no distractor's"):
        distractor_rows("m", tmp_path / "data", verify_counts=False)
