"""Checking the wrong folder: too deep, too high, of several datasets or of none, and what is said of each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fedreid.data.checking.places import recognised
from fedreid.data.synthetic.layouts.viper import write_viper
from fedreid.data.synthetic.writing import LayoutSize, write_layout
from fedreid.errors import UserError
from tests.conftest import write_market
from tests.data.checking.looking import looked_at, texts
from tests.data.pictures import save


def test_two_layouts_in_one_folder_are_refused_unless_one_is_chosen(tmp_path: Path) -> None:
    write_viper(tmp_path, range(4), lambda path, shot: save(path, shot.identity * 2 + shot.camera) and None)
    for camera, number in (("cam_a", 901), ("cam_b", 902)):
        save(tmp_path / camera / "person_0001.png", number)
    with pytest.raises(UserError, match=r"(?s)mixed layouts in one folder:\n  viper .*\n  prid .*--format NAME"):
        recognised(tmp_path)
    assert recognised(tmp_path, "prid").format == "prid"


def test_several_datasets_below_are_refused_with_their_places(tmp_path: Path) -> None:
    write_market(tmp_path / "market1501", identities=1, test_identities=1)
    write_viper(tmp_path / "VIPeR", range(2))
    with pytest.raises(UserError, match=r"(?s)several datasets:\n  market1501 .*/market1501 .*viper .*/VIPeR"):
        recognised(tmp_path)


@pytest.mark.parametrize("inside", ["bounding_box_train", "query"])
def test_a_folder_too_deep_says_from_where_it_fits(inside: str, market: Path) -> None:
    with pytest.raises(
        UserError, match=rf"(?s){inside}: is inside Market-1501.*It fits as market1501 from here: .*market\n"
    ):
        looked_at(market / inside)


def test_a_part_that_looks_like_a_folder_of_people_is_still_a_part(tmp_path: Path) -> None:
    write_layout("mars", tmp_path / "MARS", LayoutSize(2, 2, 2, 2))
    with pytest.raises(UserError, match="is inside MARS"):
        recognised(tmp_path / "MARS" / "bbox_train")
    assert recognised(tmp_path / "MARS" / "bbox_train", "folder").format == "folder"


def test_a_folder_too_high_says_where_it_fits(market: Path) -> None:
    market.rename(market.with_name("our copy"))
    with pytest.raises(UserError, match=r"(?s)fits further down:\n  market1501 .*/our copy$"):
        looked_at(market.parent)


def test_photographs_two_folders_deep_are_explained(tmp_path: Path) -> None:
    for person in ("anna", "ben"):
        for camera in ("door", "exit"):
            save(tmp_path / person / camera / "1.png", 1)
    with pytest.raises(UserError, match=r"(?s)two folders deep \(anna/door/\.\.\.\).*anna/door_0001\.jpg"):
        looked_at(tmp_path)


def test_an_incomplete_copy_says_what_is_needed(market: Path) -> None:
    shutil.rmtree(market / "query")
    with pytest.raises(UserError, match=r"(?s)has bounding_box_test, as Market-1501 has.*query/: queries"):
        looked_at(market)
    report = looked_at(market, "market1501")  # who says what it is gets the reader's own words
    assert "has no folder query" in texts(report, "problem")[0]
    assert not report.is_usable


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.zip").touch()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "round").symlink_to("round")
    save(tmp_path / "loose" / "1.png", 1)
    for name, text in (
        ("empty", "no layout is recognised. It is empty"),
        ("file.zip", "is a file. Unpack it"),
        ("link", "is a link to nowhere, which leads nowhere"),
        ("round", "is a link to round, which leads nowhere"),
        ("absent", "there is no such folder"),
        ("loose", "1 images such as 1.png; one's own photographs need one folder per"),
    ):
        with pytest.raises(UserError) as caught:
            looked_at(tmp_path / name)
        assert text in str(caught.value)
    with pytest.raises(UserError, match="is everything on this machine"):
        looked_at(Path("/"))
    with pytest.raises(UserError, match="rendered when first needed"):
        looked_at(tmp_path, "synthetic")
