"""Checking a dataset: which layout it is, whether it is whole, and every file that makes trouble."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from fedreid.data.checking.catalogue import scenario_lines
from fedreid.data.checking.check import check
from fedreid.data.checking.places import recognised
from fedreid.data.checking.report import Compared, Report
from fedreid.data.formats.cuhk03 import read_cuhk03
from fedreid.data.synthetic.layouts import Shot
from fedreid.data.synthetic.layouts.viper import write_viper
from fedreid.data.synthetic.writing import FORMATS, LayoutSize, variants_of, write_layout
from fedreid.errors import UserError
from fedreid.scenario.source_schema import Source
from tests.conftest import write_market
from tests.data.pictures import save

SYNTHETIC = [(format, variant) for format in FORMATS for variant in variants_of(format)]


def looked_at(folder: Path, format: str | None = None, *, pattern: str = "", fast: bool = False) -> Report:
    return check(folder, format, cache=folder.parent / "cache", camera_pattern=pattern, fast=fast)


def texts(report: Report, level: str) -> list[str]:
    return [finding.text for finding in report.of(level)]


def paths(report: Report, text: str) -> tuple[str, ...]:
    """What the one finding is about that says this."""
    (found,) = [finding for finding in report.findings if text in finding.text]
    return found.paths


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Market-1501's layout: 3 people to train on and 2 for the test, 3 images on each of 2 cameras."""
    return write_market(tmp_path_factory.mktemp("market") / "market", identities=3, test_identities=2)


@pytest.fixture
def market(written: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "market"))


def crowd(root: Path, files: tuple[str, ...] = ("c1_1.png", "c1_2.png", "c2_1.png", "c2_2.png")) -> Path:
    """Four people, each with these images, all of them different."""
    for person, name in enumerate(("anna", "ben", "carl", "dora")):
        for number, file in enumerate(files):
            save(root / name / file, 100 * person + number)
    return root


@pytest.mark.parametrize(("format", "variant"), SYNTHETIC)
def test_every_layout_is_recognised_and_its_lines_fit_a_scenario(format: str, variant: str, tmp_path: Path) -> None:
    write_layout(format, tmp_path / "data", LayoutSize(4, 3, 2, 2), variant=variant)
    report = looked_at(tmp_path / "data")
    assert report.about.name == format
    assert report.is_usable, texts(report, "problem")
    assert all(version.found for version in report.versions)
    lines = tomllib.loads(scenario_lines(format, report.settings))["data"]["sources"][format]
    source = TypeAdapter(Source).validate_python(lines)
    assert source.format == format
    assert getattr(source, "verify_counts", False) is False  # it isn't the published copy


def test_counts_are_set_beside_the_published_ones(market: Path) -> None:
    (version,) = looked_at(market).versions
    assert version.found == {"train": (3, 18), "query": (2, 4), "gallery": (2, 8)}
    assert version.published["train"] == (751, 12_936)
    assert version.is_subset
    assert not version.is_whole


def test_a_full_copy_is_known_as_one(tmp_path: Path) -> None:
    def put(path: Path, shot: Shot) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{shot}")

    write_viper(tmp_path / "VIPeR", range(632), put)
    report = looked_at(tmp_path, fast=True)
    assert report.versions[0].is_whole
    assert report.settings == {"format": "viper", "path": str(tmp_path)}
    assert report.is_usable


def test_more_than_was_published_is_no_subset() -> None:
    published = {"train": (3, 9), "query": (None, 2)}
    assert Compared({}, {"train": (3, 8), "query": (None, 2)}, published).is_subset
    assert not Compared({}, {"train": (3, 10), "query": (None, 2)}, published).is_subset
    assert not Compared({}, {"train": (4, 9), "query": (None, 2)}, published).is_subset
    assert Compared({}, dict(published), published).is_whole


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


def test_both_versions_of_a_dataset_are_counted(tmp_path: Path) -> None:
    write_layout("cuhk03", tmp_path / "data", LayoutSize(4, 3, 2, 2), variant="folders")
    shutil.rmtree(next((tmp_path / "data").rglob("labeled")) / "query")
    report = looked_at(tmp_path / "data")
    assert [version.options for version in report.versions] == [{"boxes": "detected"}]
    assert report.settings["boxes"] == "detected"


def test_photographs_in_a_matlab_file_are_looked_at_and_not_kept(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    write_layout("cuhk03", tmp_path / "data", LayoutSize(4, 3, 2, 2))
    report = looked_at(tmp_path / "data")
    assert report.is_usable
    assert [version.found["train"] for version in report.versions] == [(4, 16), (4, 16)]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() or path.suffix == ".tmp"]
    read_cuhk03("c", tmp_path / "data", tmp_path / "cache", verify_counts=False)  # as a run does
    taken_out = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*")}
    assert looked_at(tmp_path / "data").root.is_relative_to(tmp_path / "cache")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.png")}.items() <= taken_out.items()


def test_lists_of_another_matlab_file_are_told_by_names_that_last(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    write_layout("cuhk03", tmp_path / "data", LayoutSize(4, 3, 2, 2))
    write_layout("cuhk03", tmp_path / "less", LayoutSize(3, 2, 2, 2))
    (release,) = (tmp_path / "data").rglob("cuhk-03.mat")
    shutil.copy(next((tmp_path / "less").rglob("cuhk-03.mat")), release)
    found = texts(looked_at(tmp_path / "data"), "problem")
    assert len(found) == 2
    for text in found:
        assert f"there is no image {release}/" in text
        assert text.endswith("The lists and the .mat file are of different copies, or damaged: take the vendor's own.")
        assert ".tmp" not in text


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
