"""MARS: tracklets as lines of lists, junk, distractors, other protocols, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.formats.mars import read_mars
from fedreid.data.formats.mars_lists import person_and_camera
from fedreid.data.formats.tracklets import TrackletTable
from fedreid.data.synthetic.layouts.mars import Track, write_mars, write_matlab
from fedreid.errors import UserError

TRAIN = [Track(1, 1, 2), Track(1, 2, 1), Track(5, 6, 3)]
TEST = [Track(-1, 1, 2), Track(0, 3, 2), Track(2, 1, 2), Track(2, 2, 1), Track(2, 4, 1), Track(6, 1, 1), Track(6, 5, 2)]
QUERIES = [3, 5, 6]  # rows of TEST from 1


@pytest.fixture(autouse=True)
def _scipy() -> None:
    pytest.importorskip("scipy")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_mars(tmp_path, TRAIN, TEST, QUERIES)
    return tmp_path


def said(table: TrackletTable, split: str) -> list[tuple[int, int, int]]:
    """(identity, camera, frames) of each tracklet of a split, in order."""
    chosen = table.frame[table.frame["split"] == split]
    return [(i, c, b - a) for i, c, _, a, b in chosen.itertuples(index=False, name=None)]


def test_what_was_written_is_read(folder: Path) -> None:
    table = read_mars("m", folder, verify_counts=False)
    assert said(table, "train") == [(1, 1, 2), (1, 2, 1), (5, 6, 3)]
    assert said(table, "query") == [(2, 1, 2), (2, 4, 1), (6, 1, 1)]
    assert said(table, "gallery") == [(0, 3, 2), (2, 2, 1), (6, 5, 2)]
    assert table.frames(0) == ("bbox_train/0001/0001C1T0001F001.jpg", "bbox_train/0001/0001C1T0001F002.jpg")
    assert all((table.root / path).is_file() for path in table.images)
    assert table.notes == (
        "1 junk tracklets (-1) dropped",
        "not the whole of MARS: counts not verified",
        "1 distractors (identity 0) kept in the gallery",
    )


def test_distractors_can_be_left_out(folder: Path) -> None:
    table = read_mars("m", folder, verify_counts=False, distractors=False)
    assert said(table, "gallery") == [(2, 2, 1), (6, 5, 2)]
    assert said(table, "query") == [(2, 1, 2), (2, 4, 1), (6, 1, 1)]
    assert "1 distractors (0000) left out" in table.notes
    assert not any("kept" in note for note in table.notes)


def test_queries_can_be_in_the_gallery_too(folder: Path) -> None:
    table = read_mars("m", folder, verify_counts=False, queries_in_gallery=True)
    assert said(table, "query") == [(2, 1, 2), (2, 4, 1), (6, 1, 1)]
    assert said(table, "gallery") == [(0, 3, 2), (2, 1, 2), (2, 2, 1), (2, 4, 1), (6, 1, 1), (6, 5, 2)]
    assert "the 3 queries are in the gallery, too" in table.notes
    assert "1 distractors (identity 0) kept in the gallery" in table.notes


@pytest.mark.parametrize("around", ["mars", "MARS"])
def test_the_folder_around_it_is_found(tmp_path: Path, around: str) -> None:
    write_mars(tmp_path / around, TRAIN, TEST, QUERIES)
    assert read_mars("m", tmp_path, verify_counts=False).root == tmp_path / around


def test_junk_need_not_be_on_disk_but_everybody_else(folder: Path) -> None:
    for file in (folder / "bbox_test/00-1").iterdir():
        file.unlink()
    (folder / "bbox_test/00-1").rmdir()
    read_mars("m", folder, verify_counts=False)
    (folder / "bbox_train/0005/0005C6T0003F002.jpg").unlink()
    with pytest.raises(UserError, match=r"train_info\.mat, tracklet 3: there is no image .*0005C6T0003F002\.jpg"):
        read_mars("m", folder, verify_counts=False)


def test_a_subset_is_refused_unless_it_is_called_one(folder: Path) -> None:
    with pytest.raises(UserError) as found:
        read_mars("m", folder)
    assert str(found.value).splitlines() == [
        f"m: expected 8,298 training tracklets of 625 identities, found 3 of 2 identities in {folder}.",
        f"m: expected 1,980 query tracklets, found 3 of 2 identities in {folder}.",
        f"m: expected 9,330 gallery tracklets, found 3 of 2 identities in {folder}.",
        "  For a subset, set data.sources.m.verify_counts = false.",
    ]


def test_the_published_counts_are_accepted(tmp_path: Path) -> None:
    """As many tracklets as MARS has, of one frame each, all of a person on a camera the same image."""
    train = [Track(1 + number % 625, 1, 1) for number in range(8_298)]
    test = [Track(700, 1 + number // 990, 1) for number in range(1_980)]
    test += [Track(0, 3, 1)] * 9_000 + [Track(700, 4, 1)] * 330 + [Track(-1, 1, 1)] * 870
    _write_one_frame_each(tmp_path, "train", train)
    _write_one_frame_each(tmp_path, "test", test)
    write_matlab(tmp_path / "info/query_IDX.mat", "query_IDX", np.arange(1, 1_981).reshape(1, -1))
    table = read_mars("m", tmp_path)
    assert table.frame["split"].value_counts().to_dict() == {"train": 8_298, "query": 1_980, "gallery": 9_330}
    assert table.notes[0] == "870 junk tracklets (-1) dropped"


def _write_one_frame_each(root: Path, half: str, tracks: list[Track]) -> None:
    (root / "info").mkdir(exist_ok=True)
    names = [track.names(1)[0] for track in tracks]
    for name in set(names):
        file = root / f"bbox_{half}" / name[:4] / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (root / f"info/{half}_name.txt").write_text("\n".join(names), encoding="ascii")
    rows = [(line, line, track.identity, track.camera) for line, track in enumerate(tracks, start=1)]
    write_matlab(root / f"info/tracks_{half}_info.mat", f"track_{half}_info", np.array(rows, dtype=np.int32))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((1, 9, 1, 1), r"tracklet 1: names lines 1 to 9 of info/train_name\.txt, which has 6"),
        ((0, 2, 1, 1), r"tracklet 1: names lines 0 to 2"),
        ((2, 1, 1, 1), r"tracklet 1: names lines 2 to 1"),
        ((1, 2, 7, 1), r"tracklet 1: is of identity 7 on camera 1, but info/train_name\.txt has 0001C1T0001F001\.jpg"),
        ((1, 2, 1, 4), r"tracklet 1: is of identity 1 on camera 4"),
        ((2, 3, 1, 1), r"but info/train_name\.txt has 0001C2T0002F001\.jpg"),
    ],
)
def test_lists_that_do_not_fit_together_are_named(folder: Path, row: tuple[int, ...], said: str) -> None:
    write_matlab(folder / "info/tracks_train_info.mat", "track_train_info", np.array([row], dtype=np.int32))
    with pytest.raises(UserError, match=said):
        read_mars("m", folder, verify_counts=False)


@pytest.mark.parametrize("rows", [[0, 1], [1, 8]])
def test_queries_that_are_no_tracklets_are_refused(folder: Path, rows: list[int]) -> None:
    write_matlab(folder / "info/query_IDX.mat", "query_IDX", np.array([rows]))
    with pytest.raises(UserError, match=rf"query_IDX names tracklets {rows[0]} to {rows[1]} of 7 \(it counts from 1\)"):
        read_mars("m", folder, verify_counts=False)


def test_fractions_are_refused_as_such(folder: Path) -> None:
    write_matlab(folder / "info/query_IDX.mat", "query_IDX", np.array([[3.0, 5.5]]))
    with pytest.raises(UserError, match=r"query_IDX\.mat: query_IDX holds 5\.5; expected whole numbers"):
        read_mars("m", folder, verify_counts=False)
    write_matlab(folder / "info/tracks_train_info.mat", "track_train_info", np.array([[1, 2, 1, np.nan]]))
    with pytest.raises(UserError, match=r"tracks_train_info\.mat: track_train_info holds nan"):
        read_mars("m", folder, verify_counts=False)


def test_all_absent_images_are_counted(folder: Path) -> None:
    for image in ("bbox_train/0001/0001C1T0001F002.jpg", *(f"bbox_test/0006/{name}" for name in _names(folder))):
        (folder / image).unlink()
    with pytest.raises(UserError, match=r"tracklet 1: there is no image .*F002\.jpg\.\n  In all, 4 images are absent"):
        read_mars("m", folder, verify_counts=False)


def _names(folder: Path) -> list[str]:
    return [image.name for image in (folder / "bbox_test/0006").iterdir()]


def test_matlab_files_of_another_content_are_refused(folder: Path) -> None:
    write_matlab(folder / "info/tracks_test_info.mat", "track_test_info", np.ones((3, 5)))
    with pytest.raises(UserError, match=r"track_test_info has the shape \(3, 5\); expected whole numbers in 4 columns"):
        read_mars("m", folder, verify_counts=False)
    write_matlab(folder / "info/tracks_test_info.mat", "tracks", np.ones((3, 4)))
    with pytest.raises(UserError, match=r"has no variable track_test_info"):
        read_mars("m", folder, verify_counts=False)
    (folder / "info/test_name.txt").unlink()
    with pytest.raises(UserError, match=r"has no info/test_name\.txt\.\n"):
        read_mars("m", folder, verify_counts=False)


@given(
    identity=st.integers(-1, 9_999), camera=st.integers(1, 6), frames=st.integers(1, 3), number=st.integers(1, 9_999)
)
def test_a_name_that_was_written_is_read_back(identity: int, camera: int, frames: int, number: int) -> None:
    for name in Track(identity, camera, frames).names(number):
        assert person_and_camera(name) == (identity, camera)


@given(st.text(max_size=25))
def test_any_name_is_read_or_refused_without_a_crash(name: str) -> None:
    found = person_and_camera(name)
    assert found is None or name[4] == "C"
