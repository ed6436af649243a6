"""`extends`, `--set`, merging, and where a value came from."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fedreid.errors import UserError
from fedreid.scenario import load_scenario
from fedreid.scenario.files import flatten, lines_of, merge, parse_overrides, read_chain
from tests.scenario.test_load import PEOPLE, write

KEYS = st.sampled_from(["a", "b", "c", "d"])
TEXT = st.text("ab1.='\"\\#,[]{}\n\té\u2028", max_size=12)
VALUES = st.one_of(st.integers(-(2**62), 2**62), st.booleans(), TEXT)
TREES = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3),
    lambda inner: st.dictionaries(KEYS, VALUES | inner, max_size=3),
    max_leaves=8,
)


def test_the_nearest_file_wins_key_by_key(tmp_path: Path) -> None:
    write(
        tmp_path,
        PEOPLE + "identities = 7\n[method]\nepochs = 3\nbatch_size = 8\n[federation]\nrounds = 9\n",
        "base.toml",
    )
    write(tmp_path, 'extends = "base.toml"\n[method]\nepochs = 4\n[federation]\nrounds = 8\n', "middle.toml")
    path = write(tmp_path, 'extends = "middle.toml"\n[method]\nepochs = 5\n')
    scenario = load_scenario(path).scenario
    assert (scenario.method.epochs, scenario.method.batch_size, scenario.federation.rounds) == (5, 8, 8)
    assert scenario.data.sources["people"].identities == 7  # type: ignore[union-attr]


def test_extends_starts_at_the_extending_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "shared", PEOPLE, "base.toml")
    path = write(tmp_path / "mine", 'extends = "../shared/base.toml"\n')
    monkeypatch.chdir("/")
    assert "people" in load_scenario(path).scenario.data.sources


def test_a_circle_of_extends_names_the_chain(tmp_path: Path) -> None:
    write(tmp_path, 'extends = "b.toml"\n', "a.toml")
    write(tmp_path, 'extends = "a.toml"\n', "b.toml")
    with pytest.raises(
        UserError, match=r"a\.toml: extends goes round in a circle: .*a\.toml -> .*b\.toml -> .*a\.toml"
    ):
        load_scenario(tmp_path / "a.toml")


def test_extending_a_missing_file_names_both(tmp_path: Path) -> None:
    path = write(tmp_path, 'extends = "gone.toml"\n')
    with pytest.raises(UserError, match=r"gone\.toml: no such scenario file, which .*shop\.toml extends"):
        load_scenario(path)


def test_extends_must_be_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected the name of another scenario file"):
        load_scenario(write(tmp_path, "extends = 3\n"))


def test_a_source_of_another_format_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, PEOPLE + "identities = 7\n", "base.toml")
    path = write(tmp_path, 'extends = "base.toml"\n[data.sources.people]\nformat = "folder"\npath = "photos"\n')
    resolved = load_scenario(path)
    assert resolved.scenario.data.sources["people"].model_dump() == {
        "format": "folder", "path": "photos", "camera_pattern": "", "test_identities": 0.25,
    }  # fmt: skip
    assert "data.sources.people.identities" not in resolved.origins


def test_origins_name_file_and_line_or_set(tmp_path: Path) -> None:
    base = write(
        tmp_path, "# people\n" + PEOPLE + "\n[data]\nimage_size = [\n  64,\n  32,\n]\nroot = '/x'\n", "base.toml"
    )
    path = write(tmp_path, 'extends = "base.toml"\nname = "shop"\nmethod.epochs = 3\n')
    origins = load_scenario(path, ["federation.rounds=3", "method.epochs=4"]).origins
    assert origins == {
        "data.sources.people.format": f"{base}:3",
        "data.image_size": f"{base}:6",
        "data.root": f"{base}:10",
        "name": f"{path}:2",
        "federation.rounds": "--set",
        "method.epochs": "--set",
    }


def test_lines_survive_strings_that_look_like_statements() -> None:
    text = 'a = """\nb = 1\n[c]\n"""\n[d]\n# e = 1\nb = 2 # x\nf = {g = 1, h = 2}\n'
    assert lines_of(text) == {"a": 1, "d.b": 7, "d.f.g": 8, "d.f.h": 8}


@given(TREES)
def test_every_value_of_a_file_has_a_line(tree: dict[str, Any]) -> None:
    text = tomli_w.dumps(tree)
    lines = lines_of(text)
    wanted = {key for key, value in flatten(tomllib.loads(text)) if value != {}}
    assert wanted <= lines.keys()
    for key in wanted:
        assert text.split("\n")[lines[key] - 1].startswith(f"{key.rpartition('.')[2]} = ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name=shop", "shop"),
        ("name=a=b", "a=b"),
        ("name=", ""),
        ("name='quoted'", "quoted"),
        ("name=/photos/2024 b", "/photos/2024 b"),
        ("name= 3 ", 3),
        ("name=3e-4", 3e-4),
        ("name=true", True),
        ("name=[64, 32]", [64, 32]),
        ("name=[64, 32", "[64, 32"),
        ('name={format = "folder"}', {"format": "folder"}),
        ("name=1\nseed = 2", "1\nseed = 2"),
    ],
)
def test_an_override_is_toml_or_else_plain_text(text: str, value: Any) -> None:
    assert parse_overrides([text]) == {"name": value}


def test_later_overrides_win_and_sections_join() -> None:
    assert parse_overrides(["a.b=1", "a.c=2", "a.b=3"]) == {"a": {"b": 3, "c": 2}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("federation.rounds", "--set federation.rounds: expected key.path=value, as in --set federation.rounds=10"),
        ("=3", "--set =3: '' is not the dotted name of a setting"),
        ("a..b=3", "--set a..b=3: 'a..b' is not the dotted name"),
        ("a.=3", "--set a.=3: 'a.' is not the dotted name"),
    ],
)
def test_a_malformed_override_is_refused(text: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_overrides([text])
    assert str(caught.value).startswith(says)


@given(st.lists(KEYS, min_size=1, max_size=4), VALUES)
def test_an_override_written_as_toml_reads_back(names: list[str], value: Any) -> None:
    text = tomli_w.dumps({"v": value}).removeprefix("v = ").strip()
    assert dict(flatten(parse_overrides([f"{'.'.join(names)}={text}"]))) == {".".join(names): value}


@given(st.lists(KEYS, min_size=1, max_size=4), TEXT)
def test_no_text_breaks_the_override_parser(names: list[str], text: str) -> None:
    node: Any = parse_overrides([f"{'.'.join(names)}={text}"])
    for name in names:
        assert list(node) == [name]
        node = node[name]


@given(TREES, TREES)
def test_merging_changes_neither_tree_and_keeps_every_value_above(below: dict[str, Any], above: dict[str, Any]) -> None:
    before = copy.deepcopy((below, above))
    merged = merge(below, above)
    assert (below, above) == before
    found = dict(flatten(merged))
    assert all(found[key] == value for key, value in flatten(above) if value != {})
    assert set(found) <= {*dict(flatten(below)), *dict(flatten(above))}


@given(TREES)
def test_merging_with_nothing_or_itself_is_no_change(tree: dict[str, Any]) -> None:
    assert merge(tree, {}) == merge({}, tree) == merge(tree, tree) == tree


def test_a_chain_of_one_file_is_that_file(tmp_path: Path) -> None:
    tree, _ = read_chain(write(tmp_path, PEOPLE))
    assert tree == {"data": {"sources": {"people": {"format": "synthetic"}}}}
