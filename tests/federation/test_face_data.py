"""Lists of pairs and templates that are spoilt, changed, cut up or not there, in the data of a federation."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fedreid.data.federation import FederationData, cache_paths, split_of
from fedreid.data.generic_test import FaceTest
from fedreid.data.splits import write_split
from fedreid.errors import UserError
from fedreid.scenario import load_scenario
from tests.federation.faces import write_scenario


@pytest.fixture
def own(face_data: Path, tmp_path: Path) -> Path:
    """A data root that a test may spoil."""
    shutil.copytree(face_data, tmp_path / "data", ignore=shutil.ignore_patterns("cache"))
    write_scenario(tmp_path / "data")
    return tmp_path / "data"


def test_another_list_is_noticed_when_a_run_goes_on(own: Path, tmp_path: Path) -> None:
    prepared = load_scenario(own / "faces.toml").scenario
    FederationData.prepare(prepared, tmp_path / "run")
    file = own / "janus" / "IJBC" / "meta" / "ijbc_template_pair_label.txt"
    file.write_text(file.read_text().replace("1 2 1\n", "1 2 0\n", 1))
    with pytest.raises(UserError, match="templates: the lists of templates have other content than when this run"):
        FederationData.prepare(prepared, tmp_path / "run")


def test_bad_images_take_their_pairs_and_templates_with_them(own: Path, tmp_path: Path) -> None:
    prepared = load_scenario(own / "faces.toml", ["data.skip_bad_images=true"]).scenario
    before = FederationData.prepare(prepared, tmp_path / "before")
    person = own / "faces" / "lfw" / "Person_0001" / "Person_0001_0001.jpg"
    person.write_bytes(b"no image")
    for number in range(1, 5):  # the whole of template 1
        (own / "janus" / "IJBC" / "loose_crop" / f"{number}.jpg").write_bytes(b"no image")
    after = FederationData.prepare(prepared, tmp_path / "after")
    lists = {name: (before.generic[name], after.generic[name]) for name in ("pairs", "templates")}
    for all_of_it, rest in lists.values():
        assert isinstance(all_of_it, FaceTest)
        assert isinstance(rest, FaceTest)
    assert [len(test.images) for test in lists["pairs"]] == [30, 29]
    assert [len(test.images) for test in lists["templates"]] == [80, 76]
    notes = after.summary["notes"]
    assert "pairs: left out with images that can't be decoded: 2 of 40 pairs" in notes
    assert any(note.startswith("templates: left out") and "1 of 20 templates" in note for note in notes)


def test_aligned_images_are_others_than_resized_ones(face_data: Path, tmp_path: Path) -> None:
    pixels = []
    for align in ("true", "false"):
        changed = load_scenario(face_data / "faces.toml", [f"data.sources.templates.align={align}"]).scenario
        images = FederationData.prepare(changed, tmp_path / align).generic["templates"].images
        pixels.append(images.batch(np.arange(4)))
    assert pixels[0].shape == pixels[1].shape
    assert (pixels[0] != pixels[1]).any()


def test_workers_must_see_the_lists(face_data: Path, tmp_path: Path) -> None:
    data = FederationData.prepare(load_scenario(face_data / "faces.toml").scenario, tmp_path / "run")
    kept = [path for path in cache_paths(tmp_path / "run") if path.parent.name == "tests"]
    assert [path.name.partition("-")[0] for path in kept] == ["pairs", "templates"]
    assert {str(path) for path in kept} <= set(data.cache_folders)


def test_partition_lists_keep_a_test_whole_or_leave_it_out(face_data: Path, tmp_path: Path) -> None:
    write = load_scenario(face_data / "faces.toml").scenario
    (tmp_path / "lists").mkdir()
    write_split(split_of(write), tmp_path / "lists")
    changed = ["partition.by=lists", f"partition.lists={tmp_path / 'lists'}", "partition.identities_per_client=0"]
    listed = load_scenario(face_data / "faces.toml", changed).scenario
    assert set(FederationData.prepare(listed, tmp_path / "whole").generic) == {"tiny", "pairs", "templates"}
    file = tmp_path / "lists" / "generic-pairs.csv"
    file.write_text("".join(file.open().readlines()[:-1]))
    with pytest.raises(UserError, match=r"generic-pairs\.csv lists 29 of 30 images, and a test on faces needs all"):
        FederationData.prepare(listed, tmp_path / "part")
    file.unlink()
    assert set(FederationData.prepare(listed, tmp_path / "without").generic) == {"tiny", "templates"}
