"""`fedreid data`: text and exit status of every sub-command, and of every mistake."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from fedreid.data.checking.catalogue import ENTRIES
from fedreid.data.splits import read_split
from tests.conftest import SCENARIO, write_market
from tests.data.pictures import save

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDREID_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch, fedreid_command: Command) -> Command:
    """The command line in a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    return fedreid_command


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two people, an image on each of two cameras; square brackets and an umlaut in the name."""
    folder = tmp_path / "Fotos [neu] Zoë"
    for number, file in enumerate(("anna/c1_1.png", "anna/c2_1.png", "ben/c1_1.png", "ben/c2_1.png")):
        save(folder / file, number)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A scenario of its own, so that nothing is in its cache."""
    write_market(tmp_path / "tiny")
    file = tmp_path / "small.toml"
    file.write_text(SCENARIO.format(root=tmp_path, cache=tmp_path / "decoded"))
    return file


def test_the_list_has_a_line_for_each_format_and_fits_100_columns(narrow: Command) -> None:
    status, out, errors = narrow("data", "list")
    assert (status, errors) == (0, "")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines[1 : 1 + len(ENTRIES)]] == [one.name for one in ENTRIES]
    assert re.search(r"^dukemtmc +DukeMTMC-reID +1,812 +36,411 +8 +withdrawn +CC BY-NC-SA", out, re.MULTILINE)
    assert "Nothing is ever downloaded" in out


@pytest.mark.parametrize("name", [one.name for one in ENTRIES])
def test_an_entry_is_printed_in_full_and_ends_with_the_lines_of_a_scenario(name: str, narrow: Command) -> None:
    status, out, _ = narrow("data", "list", name)
    assert status == 0
    assert max(map(len, out.splitlines())) <= 100
    (one,) = [one for one in ENTRIES if one.name == name]
    flat = " ".join(out.split())
    assert all(" ".join(text.split()) in flat for text in (one.title, one.about, one.citation, one.source, one.licence))
    lines = tomllib.loads(out[out.index("[data.sources") :])
    assert lines["data"]["sources"][name]["format"] == name


def test_a_format_that_nobody_knows(fedreid_command: Command) -> None:
    for command in (("list",), ("synth",), ("check", "--format")):
        arguments = [*command, "vipr", "/nowhere"] if command == ("synth",) else [*command, "vipr"]
        status, _, errors = fedreid_command("data", *arguments, *(["."] if "check" in command else []))
        assert status == 2
        assert "vipr is no format. Did you mean viper?" in errors


def test_a_usable_dataset_is_checked_with_status_0_and_lines_to_paste(narrow: Command, data: Path) -> None:
    status, out, errors = narrow("data", "check", data / "tiny")
    assert status == 0
    assert "decoding" in errors  # progress, apart from what may be piped on
    assert re.search(r"^train +13 +78 +12,936 of 751", out, re.MULTILINE)
    assert "A subset: 96 images of the 32,217 that were published." in out
    assert "Usable." in out
    settings = tomllib.loads(out[out.index("[data.sources") :])["data"]["sources"]["market1501"]
    assert settings == {"format": "market1501", "path": str(data / "tiny"), "verify_counts": False}


def test_problems_give_status_1_and_name_files(narrow: Command, small: Path) -> None:
    bad = sorted((small.parent / "tiny" / "query").iterdir())[:5]
    for file in bad:
        file.write_text("no image")
    status, out, _ = narrow("data", "check", small.parent / "tiny")
    assert status == 1
    assert "✗ 5 images that can't be decoded" in out
    assert f"query/{bad[0].name}: it is no image" in out
    assert "... and 2 more" in out
    assert "Not usable as it is: 1 problem." in out
    status, out, _ = narrow("data", "check", small.parent / "tiny", "--fast")
    assert status == 0
    assert "--fast: no image was decoded" in out


def test_a_dry_run_shows_what_was_understood(fedreid_command: Command, photos: Path) -> None:
    status, out, _ = fedreid_command("data", "check", photos, "--camera-pattern", "^c([0-9]+)_", "--lines", 3)
    assert status == 0
    assert re.search(r"^anna/c1_1.png +0 +1$", out, re.MULTILINE)
    assert re.search(r"^ben/c1_1.png +1 +1$", out, re.MULTILINE)
    assert "... and 1 more files (--lines)" in out
    assert "2 cameras: 1, 2" in out
    lines = tomllib.loads(out[out.index("[data.sources") :])["data"]["sources"]["folder"]
    assert lines == {"format": "folder", "path": str(photos), "camera_pattern": "^c([0-9]+)_"}


def test_names_in_other_encodings_are_printed(fedreid_command: Command, tmp_path: Path) -> None:
    try:
        (tmp_path / "photos" / "ann\udce9").mkdir(parents=True)
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes no such names")
    save(tmp_path / "photos" / "ann\udce9" / "1.png", 1)
    status, out, _ = fedreid_command("data", "check", tmp_path / "photos")
    assert status == 0
    assert r"ann\xe9/1.png" in out
    (tmp_path / "photos").rename(tmp_path / "photos\udce9")
    status, out, _ = fedreid_command("data", "check", tmp_path / "photos\udce9")
    assert status == 1
    assert "isn't in UTF-8" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["absent"], "there is no such folder"),
        (["{data}/tiny/query"], "is inside Market-1501"),
        (["{data}"], "it fits further down"),
        (["{data}/tiny", "--camera-pattern", "c([0-9])"], "--camera-pattern is for one's own photographs"),
        (["{photos}", "--camera-pattern", "c("], "is not a regular expression"),
    ],
)
def test_mistakes_of_check(arguments: list[str], text: str, fedreid_command: Command, data: Path, photos: Path) -> None:
    filled = [argument.replace("{data}", str(data)).replace("{photos}", str(photos)) for argument in arguments]
    status, out, errors = fedreid_command("data", "check", *filled)
    assert (status, out) == (2, "")
    assert text in errors


def test_prepare_fills_the_cache_once(fedreid_command: Command, small: Path) -> None:
    status, out, _ = fedreid_command("data", "prepare", small)
    assert status == 0
    assert re.match(r"tiny: 96 images, 0\.1 MB, decoded now, [0-9,]+ images/s\n", out)
    assert Path(out.splitlines()[1].strip(), "images.npy").is_file()
    status, again, _ = fedreid_command("data", "prepare", small)
    assert "tiny: 96 images, 0.1 MB, all there already\n" in again
    assert again.splitlines()[1] == out.splitlines()[1]


def test_prepare_stops_at_a_bad_image_unless_such_are_skipped(fedreid_command: Command, small: Path) -> None:
    next((small.parent / "tiny" / "query").iterdir()).write_text("no image")
    status, _, errors = fedreid_command("data", "prepare", small)
    assert status == 2
    assert "data.skip_bad_images = true" in errors
    status, out, _ = fedreid_command("data", "prepare", small, "--set", "data.skip_bad_images=true")
    assert status == 0
    assert "95 images" in out
    assert "1 can't be decoded and are left out" in out


def test_show_takes_a_folder_as_well(fedreid_command: Command, data: Path, photos: Path, tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    status, out, _ = fedreid_command("data", "show", data / "tiny", "--out", picture, "--identities", 2)
    assert (status, out) == (0, f"{picture}: 96 images of 16 identities\n")
    status, out, _ = fedreid_command("data", "show", photos, "--out", picture, "--camera-pattern", "c([0-9])")
    assert (status, out) == (0, f"{picture}: 4 images of 2 identities\n")
    with Image.open(picture) as image:
        assert min(image.size) > 30


def test_mistakes_of_show(fedreid_command: Command, scenario: Path, data: Path) -> None:
    for arguments, text in (
        ((data / "tiny", "--source", "tiny"), "--source and --set are for scenario files"),
        ((scenario, "--format", "viper"), "--format and --camera-pattern are for a dataset's folder"),
        ((data / "tiny", "--format", "viper"), "has no cam_a, cam_b"),
        ((data / "absent",), "absent"),
    ):
        status, _, errors = fedreid_command("data", "show", *arguments)
        assert status == 2
        assert text in errors


def test_synth_writes_what_check_recognises(fedreid_command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "new folder" / "VIPeR"
    sizes = ("--identities", 3, "--test-identities", 3, "--seed", 4)
    status, out, _ = fedreid_command("data", "synth", "viper", folder, *sizes)
    assert status == 0
    assert f"{folder}: 12 images in the layout of VIPeR" in out
    assert f"fedreid data check '{folder}' --format viper" in out
    assert len(list(folder.rglob("*.bmp"))) == 12
    assert fedreid_command("data", "check", folder)[0] == 0


def test_where_images_are_is_said_also_of_those_that_were_taken_out(fedreid_command: Command, tmp_path: Path) -> None:
    sizes = ("--identities", 4, "--test-identities", 3, "--cameras", 2, "--images", 2)
    for format, title in (("cuhk03", f"in {tmp_path / 'cuhk03'}\n"), ("lfw", "LFW")):
        assert fedreid_command("data", "synth", format, tmp_path / format, *sizes)[0] == 0
        status, out, _ = fedreid_command("data", "check", tmp_path / format)
        assert status == 0
        assert title in out
    assert "A subset of what was published, or another list in the same format." in out
    assert not list((tmp_path / "cache").rglob("*.png"))  # a check keeps nothing
    assert fedreid_command("data", "show", tmp_path / "cuhk03", "--out", tmp_path / "sheet.png")[0] == 0
    out = fedreid_command("data", "check", tmp_path / "cuhk03")[1]
    assert f"in {tmp_path / 'cuhk03'}, taken out into {tmp_path / 'cache'}" in out


def test_synth_overwrites_nothing(fedreid_command: Command, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, text in (
        (("viper", photos), "holds something already"),
        (("viper", tmp_path / "file"), "can't be written"),
        (("synthetic", tmp_path / "new"), "has no layout of its own"),
        (("msmt17", tmp_path / "new", "--variant", "V9"), "has no variant 'V9'"),
        (("viper", tmp_path / "new", "--cameras", 0), "is not in the range x>=1"),
    ):
        status, _, errors = fedreid_command("data", "synth", *arguments)
        assert status == 2
        assert text in errors
    assert len(list(photos.rglob("*.png"))) == 4
    assert not (tmp_path / "new").exists()


def test_split_writes_lists_and_says_how_to_use_them(fedreid_command: Command, scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "lists"
    status, text, _ = fedreid_command("data", "split", scenario, "--out", out, "--set", "seed=3")
    assert status == 0
    found = read_split(out)
    assert found.clients == ["client-000", "client-001", "client-002"]
    assert f"{out}: {len(found.frame)} images for 3 clients, the public set and 1 test set, in 5 files" in text
    partition = tomllib.loads(text[text.index("[partition]\n") :])
    assert partition == {"partition": {"by": "lists", "lists": str(out)}}


def test_lists_give_the_same_split_again(fedreid_command: Command, scenario: Path, tmp_path: Path) -> None:
    lists = ("partition.by=lists", f"partition.lists={tmp_path / 'a'}", "partition.identities_per_client=0")
    for out, settings in (("a", ("seed=3",)), ("b", lists)):
        overrides = [part for setting in settings for part in ("--set", setting)]
        status, _, errors = fedreid_command("data", "split", scenario, "--out", tmp_path / out, *overrides)
        assert status == 0, errors
    assert read_split(tmp_path / "a") == read_split(tmp_path / "b")


def test_mistakes_of_split(fedreid_command: Command, scenario: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, text in (
        ((scenario,), "Missing option '--out'"),
        ((scenario, "--out", photos), "holds something already"),
        ((scenario, "--out", tmp_path / "file"), "can't be written"),
        ((tmp_path / "absent.toml", "--out", tmp_path / "new"), "absent.toml"),
    ):
        status, _, errors = fedreid_command("data", "split", *arguments)
        assert status == 2
        assert text in errors
    assert not (tmp_path / "new").exists()
