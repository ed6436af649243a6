"""Checking one's own photographs: patterns of cameras, tried out, and folders of people."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.data.checking.check import check
from fedreid.errors import UserError
from tests.data.checking.looking import looked_at, paths, texts
from tests.data.pictures import save


def crowd(root: Path, files: tuple[str, ...] = ("c1_1.png", "c1_2.png", "c2_1.png", "c2_2.png")) -> Path:
    """Four people, each with these images, all of them different."""
    for person, name in enumerate(("anna", "ben", "carl", "dora")):
        for number, file in enumerate(files):
            save(root / name / file, 100 * person + number)
    return root


def test_a_dry_run_of_a_pattern_shows_identity_and_camera_of_each_file(tmp_path: Path) -> None:
    report = looked_at(crowd(tmp_path / "Fotos [neu] Zoë"), pattern="^c([0-9]+)_")
    assert report.is_usable
    assert len(report.understood) == 16
    said = [(one.path, one.identity, one.camera) for one in report.understood]
    assert said[:3] == [("anna/c1_1.png", 0, "1"), ("anna/c1_2.png", 0, "1"), ("anna/c2_1.png", 0, "2")]
    assert texts(report, "note") == ["2 cameras: 1, 2"]
    assert texts(report, "warning") == []
    assert report.settings["camera_pattern"] == "^c([0-9]+)_"


def test_a_pattern_that_leaves_files_out_is_a_problem_that_counts_them(tmp_path: Path) -> None:
    folder = crowd(tmp_path / "photos")
    save(folder / "ben" / "front.png", 999)
    report = looked_at(folder, pattern="^c([0-9]+)_")
    assert paths(report, "1 of 17 files that the pattern ^c([0-9]+)_ doesn't fit") == ("ben/front.png",)
    assert len(texts(report, "problem")) == 1
    assert not report.is_usable


def test_cameras_that_are_words_are_told_with_the_numbers_that_the_reader_gives(tmp_path: Path) -> None:
    folder = crowd(tmp_path / "photos", ("exit-1.png", "door-1.png"))
    report = looked_at(folder, pattern="^([a-z]+)-")
    assert "2 cameras: door is 1, exit is 2" in texts(report, "note")


def test_no_cameras_and_one_camera_are_warned_of(tmp_path: Path) -> None:
    report = looked_at(crowd(tmp_path / "photos"))
    assert [text.split(":")[0] for text in texts(report, "warning")] == ["no cameras"]
    assert any("would find 2 cameras in the names of 16 of 16 files" in text for text in texts(report, "note"))
    one = looked_at(crowd(tmp_path / "others", ("c1_1.png", "c1_2.png")), pattern="c([0-9])_")
    assert any(text.startswith("one camera: nobody can be found") for text in texts(one, "warning"))


def test_folders_that_are_empty_or_too_deep_are_all_named(tmp_path: Path) -> None:
    folder = crowd(tmp_path / "photos")
    (folder / "eva").mkdir()
    save(folder / "finn" / "door" / "1.png", 1)
    save(folder / "loose.png", 2)
    report = looked_at(folder)
    assert paths(report, "1 folder without images") == ("eva",)
    assert paths(report, "1 folder with images one level too deep") == ("finn/door",)
    assert paths(report, "in no folder that is read") == ("loose.png",)
    assert not report.is_usable


def test_a_link_back_is_followed_once_and_told(tmp_path: Path) -> None:
    folder = crowd(tmp_path / "photos")
    (folder / "anna" / "again").symlink_to(folder)
    report = looked_at(folder)
    assert paths(report, "leads back into a folder around it") == ("anna/again",)


def test_patterns_that_cannot_work_are_refused(tmp_path: Path, written: Path) -> None:
    folder = crowd(tmp_path / "photos")
    with pytest.raises(UserError, match="is not a regular expression"):
        looked_at(folder, pattern="c([0-9]+")
    with pytest.raises(UserError, match="has no group"):
        looked_at(folder, pattern="c[0-9]+")
    with pytest.raises(UserError, match="--camera-pattern is for one's own photographs; this is Market-1501"):
        check(written, cache=tmp_path, camera_pattern="c([0-9]+)")
