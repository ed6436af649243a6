"""A written scenario repeats itself; `show` and the page of settings say what the schema says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fedreid.scenario import Scenario, describe, load_scenario, pinned, reference_markdown, to_toml
from fedreid.scenario.fields import FORMATS, leaves, nearest, toml_value
from fedreid.scenario.schema import Settings
from tests.scenario.test_load import PEOPLE, write

REPOSITORY = Path(__file__).parents[2]
TEXT = st.text("ab1.-='\"\\#[]{}\n\té\u2028/$~ ", max_size=12)
RATES = st.floats(1e-12, 1e6, exclude_min=True)
SOURCES = st.one_of(
    st.fixed_dictionaries({"format": st.just("market1501"), "path": TEXT.map(lambda text: text + "m")}),
    st.fixed_dictionaries(
        {"format": st.just("folder"), "path": TEXT.map(lambda text: text + "f"), "test_identities": st.floats(0, 0.99)}
    ),
    st.fixed_dictionaries({"format": st.just("synthetic"), "seed": st.integers(0, 2**32 - 1)}),
)
TREES = st.fixed_dictionaries(
    {
        "description": TEXT,
        "seed": st.integers(0, 2**32 - 1),
        "data": st.fixed_dictionaries(
            {
                "root": TEXT,
                "image_size": st.lists(st.integers(16, 999), min_size=2, max_size=2),
                "sources": st.tuples(SOURCES).map(lambda sources: {"a-1": sources[0]}),
            }
        ),
        "partition": st.fixed_dictionaries({"alpha": RATES, "clients": st.integers(1, 10**6)}),
        "model": st.fixed_dictionaries({"width": st.integers(1, 4) | st.floats(0.1, 4)}),
        "method": st.fixed_dictionaries({"learning_rate": RATES, "momentum": st.floats(0, 1, exclude_max=True)}),
        "augment": st.fixed_dictionaries({"flip": st.booleans(), "crop_padding": st.integers(0, 7)}),
    }
)


@given(TREES)
def test_a_written_scenario_loads_as_the_same(tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any]) -> None:
    scenario = Scenario.model_validate(tree)
    path = tmp_path_factory.mktemp("scenario") / "scenario.toml"
    path.write_text(to_toml(scenario), encoding="utf-8")
    resolved = load_scenario(path)
    assert resolved.scenario == scenario
    assert "default" not in {row.origin for row in describe(resolved)}  # every setting is written out


def test_show_lists_every_setting_with_its_origin(tmp_path: Path) -> None:
    path = write(tmp_path, PEOPLE + "[federation]\nrounds = 9\n")
    rows = describe(load_scenario(path, ["method.epochs=3"]))
    by_key = {row.key: row for row in rows}
    assert by_key["federation.rounds"] == ("federation.rounds", "9", f"{path}:4", "communication rounds")
    assert by_key["method.epochs"].origin == "--set"
    assert by_key["data.image_size"][1:3] == ("[128, 64]", "default")
    assert by_key["data.sources.people.format"][1:3] == ('"synthetic"', f"{path}:2")
    assert all(row.description for row in rows)
    sources = {f"data.sources.people.{name}" for name in FORMATS["synthetic"].model_fields}
    assert set(by_key) == {key for key, _ in leaves(Scenario)} | sources
    assert [row.key for row in rows][:3] == ["name", "description", "seed"]


def test_a_pinned_scenario_means_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEIGHTS", "nets")
    scenario = load_scenario(write(tmp_path, PEOPLE), ["model.weights=$WEIGHTS/resnet18.safetensors"]).scenario
    fixed = pinned(scenario, root=Path("data"), cache=Path("/cache"))
    assert fixed.data.root == str(tmp_path / "data")
    assert fixed.data.cache == "/cache"
    assert fixed.model.weights == str(tmp_path / "nets" / "resnet18.safetensors")
    assert pinned(fixed, root=Path(fixed.data.root), cache=Path(fixed.data.cache)) == fixed
    assert (
        pinned(scenario.model_copy(update={"model": type(scenario.model)()}), root=Path(), cache=Path()).model.weights
        == ""
    )
    assert fixed.partition == scenario.partition


@given(st.integers() | st.booleans() | st.floats(allow_nan=False) | TEXT | st.lists(st.integers()))
def test_a_value_is_shown_as_toml(value: Any) -> None:
    assert tomllib.loads(f"v = {toml_value(value)}")["v"] == value


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("method.epoch", "method.epochs"),
        ("partition.client", "partition.clients"),
        ("evaluation.rounds", "federation.rounds"),
        ("model.embeding_dim", "model.embedding_dim"),
        ("learning_rate", "method.learning_rate"),
        ("modle", "model"),
    ],
)
def test_the_nearest_key(key: str, meant: str) -> None:
    assert nearest(tuple(key.split(".")), {})[0] == meant


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest(("method", "qqqqqq"), {}) == []


def test_every_setting_has_a_description_and_a_valid_default() -> None:
    models: list[type[Settings]] = [Scenario, *FORMATS.values()]
    for model in models:
        for key, field in leaves(model):
            assert field.description, key
            if not field.is_required():
                TypeAdapter[Any](field.annotation).validate_python(field.default)


def test_the_page_of_settings_says_what_the_schema_says() -> None:
    page = (REPOSITORY / "docs" / "scenario.md").read_text(encoding="utf-8")
    assert page == reference_markdown(), (
        "write it again: python -c 'from fedreid.scenario import reference_markdown as page; print(page(), end=\"\")'"
        " > docs/scenario.md"
    )
    assert all(f"`{key.rpartition('.')[2]}`" in page for key, _ in leaves(Scenario))


@pytest.mark.parametrize("path", sorted((REPOSITORY / "scenarios").glob("*.toml")), ids=lambda path: path.name)
def test_every_scenario_that_comes_with_fedreid_loads(path: Path) -> None:
    scenario = load_scenario(path).scenario
    assert scenario.name == path.stem
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert "fedreid run" in path.read_text(encoding="utf-8")
