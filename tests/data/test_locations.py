"""Where datasets and caches are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.data.locations import cache_folder, data_root, dataset_folder
from fedreid.errors import UserError
from fedreid.scenario.schema import DataSettings
from fedreid.scenario.source_schema import SyntheticSource


def settings(root: str = "", cache: str = "") -> DataSettings:
    return DataSettings(root=root, cache=cache, sources={"a": SyntheticSource(format="synthetic")})


def test_the_scenario_comes_first_then_the_environment_then_a_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    for name in ("FEDREID_DATA", "FEDREID_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert data_root(settings()) == tmp_path
    assert cache_folder(settings()) == Path("/home/anna/.cache/fedreid")
    monkeypatch.setenv("FEDREID_DATA", "/images")
    monkeypatch.setenv("FEDREID_CACHE", "/fast/cache")
    assert data_root(settings()) == Path("/images")
    assert cache_folder(settings()) == Path("/fast/cache")
    assert data_root(settings(root="/mine")) == Path("/mine")
    assert cache_folder(settings(cache="kept")) == tmp_path / "kept"


def test_a_datasets_path_starts_at_the_root_unless_it_is_absolute() -> None:
    assert dataset_folder("market1501", settings(root="/images")) == Path("/images/market1501")
    assert dataset_folder("/other/market1501", settings(root="/images")) == Path("/other/market1501")


def test_home_and_variables_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRATCH", "/scratch/anna")
    monkeypatch.setenv("HOME", "/home/anna")
    assert cache_folder(settings(cache="$SCRATCH/cache")) == Path("/scratch/anna/cache")
    assert dataset_folder("~/photos", settings(root="/images")) == Path("/home/anna/photos")


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCRATCH", raising=False)
    with pytest.raises(UserError, match=r"\$SCRATCH/cache: the environment has no variable SCRATCH"):
        cache_folder(settings(cache="$SCRATCH/cache"))
