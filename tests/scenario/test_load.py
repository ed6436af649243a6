"""Scenario files become settings, and every mistake in them is told in words that name file, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.errors import UserError
from fedreid.scenario import load_scenario

PEOPLE = '[data.sources.people]\nformat = "synthetic"\n'


def write(folder: Path, text: str, name: str = "shop.toml") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(path: Path, *overrides: str) -> list[str]:
    """The lines of the error, with the file's name for its path."""
    with pytest.raises(UserError) as caught:
        load_scenario(path, overrides)
    return [line.replace(str(path), path.name) for line in str(caught.value).splitlines()]


def test_the_shortest_scenario_is_one_source(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, PEOPLE)).scenario
    assert scenario.data.sources["people"].format == "synthetic"
    assert (scenario.federation.rounds, scenario.method.learning_rate, scenario.data.image_size) == (5, 0.01, (128, 64))


def test_values_of_the_file_are_read_with_their_types(tmp_path: Path) -> None:
    text = f'name = "shop"\n{PEOPLE}[data]\nimage_size = [64, 32]\n[model]\nwidth = 1\n[augment]\nflip = false\n'
    scenario = load_scenario(write(tmp_path, text)).scenario
    assert scenario.data.image_size == (64, 32)
    assert scenario.model.width == 1.0
    assert isinstance(scenario.model.width, float)
    assert scenario.augment.flip is False


def test_settings_are_frozen(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, PEOPLE)).scenario
    with pytest.raises(ValueError, match="frozen"):
        scenario.federation.rounds = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[method]\nlearning_rat = 1",
            "shop.toml: [method] learning_rat is not a setting. Did you mean method.learning_rate?",
        ),
        (
            "[federation]\nepochs = 2",
            "shop.toml: [federation] epochs is not a setting. "
            "Did you mean method.epochs? There is also method.ditto.epochs, pretrain.epochs, adaptation.epochs.",
        ),
        (
            "[federation]\nimage_size = 2",
            "shop.toml: [federation] image_size is not a setting. Did you mean data.image_size?",
        ),
        ("[metod]\nepochs = 2", "shop.toml: [metod] is not a section. Did you mean method?"),
        (
            "[loss]\nzzz = 2",
            "shop.toml: [loss] zzz is not a setting. There are: scale, margin, label_smoothing, triplet, "
            "triplet_weight, triplet_margin.",
        ),
        (
            "[data.sources.people]\nidentites = 3",
            "shop.toml: [data.sources.people] identites is not a setting. Did you mean data.sources.people.identities?",
        ),
        (
            '[data.sources.people]\npath = "x"',
            "shop.toml: [data.sources.people] path is not a setting. It belongs to format market1501 or dukemtmc or "
            "others, not to synthetic. There are: format, identities, test_identities, cameras, images_per_camera, "
            "domain, seed.",
        ),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path: Path, text: str, line: str) -> None:
    base = "" if "[data.sources.people]" in text else PEOPLE
    path = write(tmp_path, base + text.replace("[data.sources.people]\n", PEOPLE))
    assert mistakes(path) == [line]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("federation.rounds=0", "federation.rounds = 0 is not allowed: expected a whole number of at least 1"),
        ("federation.rounds=true", "federation.rounds = true is not allowed: expected a whole number of at least 1"),
        ("federation.rounds=2.0", "federation.rounds = 2.0 is not allowed: expected a whole number of at least 1"),
        ("federation.rounds=1O", 'federation.rounds = "1O" is not allowed: expected a whole number of at least 1'),
        ('method.epochs="3"', 'method.epochs = "3" is not allowed: expected a whole number of at least 1'),
        ("method.momentum=1", "method.momentum = 1 is not allowed: expected a number of at least 0 and below 1"),
        ("method.learning_rate=nan", "method.learning_rate = nan is not allowed: expected a number above 0"),
        ("method.learning_rate=inf", "method.learning_rate = inf is not allowed: expected a number above 0"),
        ("method.learning_rate=true", "method.learning_rate = true is not allowed: expected a number above 0"),
        (
            "federation.fraction=1.5",
            "federation.fraction = 1.5 is not allowed: expected a number above 0 and at most 1",
        ),
        ("augment.flip=1", "augment.flip = 1 is not allowed: expected true or false"),
        ("augment.flip=False", 'augment.flip = "False" is not allowed: expected true or false'),
        ("seed=-1", "seed = -1 is not allowed: expected a whole number from 0 to 4294967295"),
        ("model.last_stride=3", "model.last_stride = 3 is not allowed: expected one of 1, 2"),
        ('runtime.engine="rey"', 'runtime.engine = "rey" is not allowed: expected one of "serial", "ray"'),
        (
            "name=7",
            "name = 7 is not allowed: expected text of letters, digits, '.', '_' and '-' that starts with a letter",
        ),
        ("name=../x", 'name = "../x" is not allowed: expected text of letters, digits'),
        ("data.image_size=[64]", "data.image_size = [64] is not allowed: expected two whole numbers of at least 1"),
        ("data.image_size=[64, true]", "data.image_size = [64, true] is not allowed: expected two whole numbers"),
        ('data.image_size=["64", 32]', 'data.image_size = ["64", 32] is not allowed: expected two whole numbers'),
        ("data.image_size=64", "data.image_size = 64 is not allowed: expected two whole numbers"),
        ("federation=3", "federation = 3 is not allowed: expected a section, [federation]"),
        (
            "data.sources.people=3",
            'data.sources.people = 3 is not allowed: expected a table with a format: "market1501"',
        ),
        (
            "data.sources.people.format=foldr",
            'data.sources.people.format = "foldr" is not allowed: expected one of "market',
        ),
        (
            "data.sources.x.identities=3",
            'data.sources.x.format is missing: expected one of "market1501", "dukemtmc", "cuhk03"',
        ),
        ("data.sources.people.format=folder", "data.sources.people.path is missing: expected text"),
        (
            "data.sources.a b.format=synthetic",
            'data.sources.a b = {format = "synthetic"} is not allowed: expected a name',
        ),
    ],
)
def test_a_wrong_value_names_file_key_value_and_what_is_allowed(tmp_path: Path, override: str, says: str) -> None:
    lines = mistakes(write(tmp_path, PEOPLE), override)
    assert len(lines) == 1
    assert lines[0].partition(": ")[2].startswith(says)


def test_a_wrong_value_in_a_file_names_that_file(tmp_path: Path) -> None:
    path = write(tmp_path, PEOPLE + "[federation]\nrounds = 0\n")
    assert mistakes(path) == ["shop.toml: federation.rounds = 0 is not allowed: expected a whole number of at least 1"]


def test_a_mistake_is_blamed_on_where_the_value_comes_from(tmp_path: Path) -> None:
    base = write(tmp_path, PEOPLE + "[federation]\nrounds = 0\n", "base.toml")
    path = write(tmp_path, 'extends = "base.toml"\n[method]\nepochs = 0\n')
    lines = mistakes(path, "loss.scale=0")
    assert [line.partition(": ")[0] for line in lines] == ["--set", "shop.toml", str(base)]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path, PEOPLE + "[federation]\nrounds = 0\nfractoin = 1\n[model]\nwidth = 9\n[loss]\nmargin = 'x'\n"
    )
    assert [line.split()[1] for line in mistakes(path)] == [
        "model.width",
        "loss.margin",
        "federation.rounds",
        "[federation]",
    ]


@pytest.mark.parametrize("text", ["", "[data]\n", "[data]\nsources = {}\n"])
def test_a_scenario_without_datasets_says_how_to_name_one(tmp_path: Path, text: str) -> None:
    (line,) = mistakes(write(tmp_path, text))
    assert line.startswith("shop.toml: data.sources")
    assert "synthetic" in line


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    (line,) = mistakes(write(tmp_path, "name = 'x'\n[data\n"))
    assert line.startswith("shop.toml: not valid TOML:")
    assert "line 2" in line


def test_a_missing_file_lists_the_scenarios_nearby(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE, "one.toml")
    write(tmp_path, PEOPLE, "two.toml")
    (line,) = mistakes(tmp_path / "three.toml")
    assert line == f"three.toml: no such scenario file. There are, in {tmp_path}: one.toml, two.toml"


def test_a_missing_file_with_none_nearby_is_just_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mistakes(tmp_path / "none" / "x.toml") == ["x.toml: no such scenario file"]


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "not a text file" in mistakes(path)[0]


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "can't be read" in mistakes(tmp_path)[0]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text("\ufeff" + PEOPLE, encoding="utf-8")
    assert load_scenario(path).scenario.name == "federation"
