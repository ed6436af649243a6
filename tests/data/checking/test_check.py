"""Checking a dataset: which layout it is, whether it is whole, and what is read of a MATLAB file."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from fedreid.data.checking.catalogue import scenario_lines
from fedreid.data.checking.report import Compared
from fedreid.data.formats.cuhk03 import read_cuhk03
from fedreid.data.synthetic.layouts import Shot
from fedreid.data.synthetic.layouts.viper import write_viper
from fedreid.data.synthetic.writing import FORMATS, LayoutSize, variants_of, write_layout
from fedreid.scenario.source_schema import Source
from tests.data.checking.looking import looked_at, texts

SYNTHETIC = [(format, variant) for format in FORMATS for variant in variants_of(format)]


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
