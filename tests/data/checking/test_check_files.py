"""Checking a dataset's files: every one that makes trouble is named, with what it spoils."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.data.checking.looking import looked_at, paths, texts
from tests.data.pictures import save


def test_every_image_that_cannot_be_decoded_is_named(market: Path) -> None:
    files = sorted((market / "bounding_box_train").iterdir())
    files[0].write_bytes(files[0].read_bytes()[:-200])
    files[1].write_bytes(b"")
    files[2].write_text("<html>not found</html>")
    files[3].unlink()
    files[3].symlink_to("gone.jpg")
    report = looked_at(market)
    assert not report.is_usable
    assert texts(report, "problem") == [
        "4 images that can't be decoded: replace or remove, or set data.skip_bad_images = true"
    ]
    bad = dict(text.split(": ", 1) for text in paths(report, "can't be decoded"))
    assert sorted(bad) == [f"bounding_box_train/{file.name}" for file in files[:4]]
    assert bad[f"bounding_box_train/{files[1].name}"] == "the file is empty"
    assert bad[f"bounding_box_train/{files[2].name}"].startswith("it is no image")
    assert bad[f"bounding_box_train/{files[3].name}"] == "a link that leads nowhere"


def test_a_fast_check_decodes_nothing_but_sees_empty_files_and_copies(market: Path) -> None:
    first, second, third, *_ = sorted((market / "bounding_box_train").iterdir())
    first.write_text("no image")
    second.write_bytes(b"")
    (market / "bounding_box_train" / "0001_c2s1_000099_01.jpg").write_bytes(third.read_bytes())
    report = looked_at(market, fast=True)
    assert paths(report, "can't be decoded") == (f"bounding_box_train/{second.name}: the file is empty",)
    assert len(paths(report, "equal files")) == 1


def test_all_misnamed_files_are_listed_where_the_reader_stops_at_the_first(market: Path) -> None:
    for name in ("holiday.jpg", "me.png"):
        save(market / "query" / name, 7)
    report = looked_at(market)
    assert not report.is_usable
    assert paths(report, "isn't the vendor's") == (
        "query/holiday.jpg",
        "query/me.png",
    )
    assert any("expected a name like 0002_c1s1_000451_03.jpg" in text for text in texts(report, "problem"))
    assert report.versions[0].found == {}


def test_files_that_are_passed_over_are_listed_by_kind(market: Path) -> None:
    save(market / "query" / "deeper" / "0001_c1s1_000451_03.jpg", 1)
    for name in ("0009_c1s1_000451_03.webp", "Thumbs.db", "._0001_c1s1_000451_03.jpg", "readme.txt", "clip.mp4"):
        (market / "query" / name).write_text(name)
    (market / "query" / "gone.bmp").symlink_to("nowhere")
    report = looked_at(market)
    assert report.is_usable
    assert paths(report, "too deep") == ("query/deeper/0001_c1s1_000451_03.jpg",)
    assert paths(report, "(.webp): convert to .jpg or .png") == ("query/0009_c1s1_000451_03.webp",)
    assert paths(report, "1 link to nowhere") == ("query/gone.bmp",)
    assert paths(report, "not an image") == ("query/clip.mp4",)
    told = [path for finding in report.findings for path in finding.paths]
    assert len(told) == 4  # nothing of Thumbs.db, of what an operating system left behind, and of texts


def test_junk_that_the_protocol_leaves_out_is_no_warning(market: Path) -> None:
    save(market / "bounding_box_test" / "-1_c1s1_000451_03.jpg", 1)
    report = looked_at(market)
    assert texts(report, "warning") == []
    assert "1 junk images (-1) dropped" in texts(report, "note")


def test_copies_are_told_apart_by_what_they_spoil(market: Path) -> None:
    train = market / "bounding_box_train"
    same, others, test = "0001_c1s1_000000_01.jpg", "0002_c1s1_000000_01.jpg", "0003_c1s1_000000_01.jpg"
    shutil.copy(train / same, train / "0001_c2s9_000009_01.jpg")
    shutil.copy(train / others, train / "0003_c2s9_000009_01.jpg")
    shutil.copy(train / test, market / "query" / "0004_c2s9_000009_01.jpg")
    report = looked_at(market)
    assert paths(report, "of one person") == (
        f"bounding_box_train/{same} = bounding_box_train/0001_c2s9_000009_01.jpg",
    )
    assert paths(report, "of different people") == (
        f"bounding_box_train/{others} = bounding_box_train/0003_c2s9_000009_01.jpg",
    )
    assert paths(report, "in training and in the test") == (
        f"bounding_box_train/{test} = query/0004_c2s9_000009_01.jpg",
    )
    assert report.is_usable


def test_who_has_too_little_is_named(market: Path) -> None:
    for file in (market / "bounding_box_train").iterdir():
        if file.name.startswith("0001_c2") or (file.name.startswith("0002") and "c1s1_000000" not in file.name):
            file.unlink()
    for file in (market / "bounding_box_test").glob("0004_c2*"):
        file.unlink()
    report = looked_at(market)
    assert paths(report, "1 of 3 training identities with one image only") == (
        "bounding_box_train/0002_c1s1_000000_01.jpg",
    )
    assert len(paths(report, "2 of 3 training identities on one camera only")) == 2
    assert paths(report, "1 of 4 queries without a match") == ("query/0004_c1s1_000000_01.jpg",)
    assert report.is_usable


def test_a_test_in_which_nobody_can_be_found_is_a_problem(market: Path) -> None:
    for file in (market / "bounding_box_test").glob("*_c2*"):
        file.unlink()
    for file in (market / "query").glob("*_c2*"):
        file.unlink()
    report = looked_at(market)
    assert not report.is_usable
    assert texts(report, "problem") == ["2 of 2 queries without a match on another camera: not counted"]


def test_two_datasets_in_the_same_three_folders_are_told(market: Path) -> None:
    save(market / "query" / "0700_c2_f0046182.jpg", 1)
    report = looked_at(market)
    assert not report.is_usable
    assert paths(report, "mixed layouts: 1 of 31 images named as in DukeMTMC-reID") == ("query/0700_c2_f0046182.jpg",)
