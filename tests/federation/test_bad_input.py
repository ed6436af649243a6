"""Settings, arguments and data that a user gets wrong: one clear text and an exit status each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.federation.conftest import Command


@pytest.fixture
def own_data(data: Path, tmp_path: Path) -> Path:
    """A copy of the tiny dataset that a test may damage."""
    return Path(shutil.copytree(data / "tiny", tmp_path / "mine"))


# Scenario and arguments


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("federation.round=3", "[federation] round is not a setting. Did you mean federation.rounds?"),
        ("federation.rounds=0", "--set: federation.rounds = 0 is not allowed: expected"),
        ('method.epochs="two"', 'method.epochs = "two" is not allowed'),
        ("federation.rounds", "--set federation.rounds: expected key.path=value"),
        ("=3", "--set =3: '' is not the dotted name of a setting"),
        ("partition.identities_per_client=1", "leaves a client nothing to tell apart"),
    ],
)
def test_a_setting_that_is_not_allowed(override: str, text: str, run: Command, tmp_path: Path) -> None:
    status, _, errors = run(override)
    assert status == 2
    assert text in errors
    assert not (tmp_path / "run").exists()


def test_a_key_in_a_file_that_is_not_a_setting(fedreid_command: Command, scenario: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "{scenario}"\n[method]\nlearning_rat = 0.1\n')
    status, _, errors = fedreid_command("run", path)
    assert status == 2
    assert f"{path}: [method] learning_rat is not a setting. Did you mean method.learning_rate?" in errors


def test_an_engine_that_does_not_exist(fedreid_command: Command, scenario: Path) -> None:
    status, _, errors = fedreid_command("run", scenario, "--engine", "foo")
    assert (status, errors) == (2, "--engine foo: expected serial or ray.\n")


def test_a_ray_cluster_that_is_not_there(run: Command, tmp_path: Path) -> None:
    status, _, errors = run('runtime.engine="ray"', "runtime.ray_address=127.0.0.1:1")
    assert status == 2
    assert "runtime.ray_address = 127.0.0.1:1: no Ray cluster answers there (" in errors
    assert "Start one with: ray start --head" in errors
    assert run()[0] == 0, "the same command with the serial engine works"


# Data


def test_a_dataset_that_is_not_there(run: Command, tmp_path: Path) -> None:
    status, _, errors = run("data.sources.tiny.path=nowhere")
    assert status == 2
    assert re.search(r"tiny: there is no folder \S+/nowhere\.\n", errors)
    assert "Set data.sources.tiny.path, or FEDREID_DATA, to where they are." in errors
    assert run()[0] == 0, "with the mistake mended, the same command with the same --out works"


def test_counts_that_are_not_the_published_ones(run: Command, data: Path) -> None:
    status, _, errors = run("data.sources.tiny.verify_counts=true")
    assert status == 2
    folder = data / "tiny" / "bounding_box_train"
    assert f"expected 12,936 training images of 751 identities, found 78 of 13 in {folder}." in errors
    assert "For a subset, set data.sources.tiny.verify_counts = false." in errors


def test_an_identity_without_images(fedreid_command: Command, tmp_path: Path) -> None:
    for person in ("anna", "ben"):
        (tmp_path / "photos" / person).mkdir(parents=True)
    path = tmp_path / "own.toml"
    source = 'format = "folder"\npath = "photos"'
    path.write_text(f'[data]\nroot = "{tmp_path}"\ncache = "{tmp_path}/cache"\n[data.sources.own]\n{source}\n')
    status, _, errors = fedreid_command("run", path, "--out", tmp_path / "run")
    assert status == 2
    assert f"own: identity 'anna' has no images (.jpg or .png) in {tmp_path}/photos/anna." in errors


def test_a_client_left_without_images(run: Command) -> None:
    status, _, errors = run("partition.clients=5")
    assert status == 2
    needed = "5 clients with 3 identities each need 15 training identities that are not public, found 13"
    assert needed in errors


def test_a_test_without_any_match_is_told_at_the_start_and_has_no_figures(run: Command, own_data: Path) -> None:
    """Every query, and everybody in the gallery, on camera 1."""
    for part in ("query", "bounding_box_test"):
        for image in (own_data / part).glob("*_c2*"):
            image.unlink()
    status, out, _ = run(f"data.sources.tiny.path={own_data}")
    assert status == 0
    lines = out.splitlines()
    (warning,) = [place for place, line in enumerate(lines) if line.startswith("tiny: no query has a match on another")]
    assert warning < next(place for place, line in enumerate(lines) if line.startswith("round 1/1"))
    assert "mAP tiny no match" in out
    assert re.search(r"generic/tiny/mAP +no query has a match$", out, re.MULTILINE)
    assert "nan" not in out


def test_a_camera_left_without_images(run: Command, own_data: Path) -> None:
    """Camera 3 is seen by one identity only, which is public or too few to learn from."""
    image = next((own_data / "bounding_box_train").glob("0001_c1*"))
    shutil.copy(image, image.with_name("0001_c3s1_000000_01.jpg"))
    status, _, errors = run(
        f"data.sources.tiny.path={own_data}", "partition.by=camera", "partition.identities_per_client=0"
    )
    assert status == 2
    assert "the client of camera 3 of tiny is left with 1 private identities and needs at least 2" in errors


def test_a_truncated_image_stops_the_run_or_is_listed_in_the_report(
    run: Command, own_data: Path, tmp_path: Path
) -> None:
    image = own_data / "bounding_box_train" / "0002_c1s1_000001_01.jpg"
    image.write_bytes(image.read_bytes()[:200])
    status, _, errors = run(f"data.sources.tiny.path={own_data}")
    assert status == 2
    assert f"{image}: can't be decoded: " in errors
    assert "set data.skip_bad_images = true" in errors
    status, _, errors = run(f"data.sources.tiny.path={own_data}", "data.skip_bad_images=true")
    assert (status, errors) == (0, "")
    assert f"bounding_box_train/{image.name}" in (tmp_path / "run" / "report.html").read_text()


def test_weights_of_another_shape(run: Command, tmp_path: Path) -> None:
    weights = tmp_path / "resnet.safetensors"
    save_file({"conv1.weight": np.zeros((64, 3, 7, 7), np.float32)}, weights)
    status, _, errors = run(f"model.weights={weights}")
    assert status == 2
    assert f"model.weights: {weights}: conv1.weight has shape (64, 3, 7, 7), expected (8, 3, 3, 3)." in errors
