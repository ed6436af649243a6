"""Settings that contradict each other are refused before any work starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fedreid.scenario import Scenario, load_scenario
from fedreid.scenario.schema import DataSettings, PartitionSettings
from fedreid.scenario.source_schema import SyntheticSource
from tests.scenario.test_load import PEOPLE, mistakes, write

FOLDER = '[data.sources.people]\nformat = "folder"\npath = "photos"\n'
TWO = PEOPLE + '[data.sources.more]\nformat = "synthetic"\ndomain = 1\n'


@pytest.mark.parametrize(
    ("base", "overrides", "says"),
    [
        (
            PEOPLE,
            ["partition.public_source=shop"],
            "partition.public_source = 'shop' is not one of data.sources: people",
        ),
        (PEOPLE, ["partition.public_source=people"], "partition.public_source makes the only source public"),
        (
            TWO,
            ["partition.public_source=more", "partition.public_identities=5"],
            "partition.public_identities = 5 holds identities out, but public_source = 'more' is the public",
        ),
        (PEOPLE, ["partition.public_identities=1"], "partition.public_identities = 1 is not enough to train on"),
        (PEOPLE, ["partition.identities_per_client=1"], "partition.identities_per_client = 1 leaves a client nothing"),
        (
            PEOPLE,
            ["partition.identities_per_client=5", "partition.by=dirichlet"],
            "partition.identities_per_client = 5 is for by = 'identity', not for by = 'dirichlet'",
        ),
        (FOLDER, ["partition.by=camera"], "data.sources.people.camera_pattern is empty, so its cameras are unknown"),
        (
            FOLDER,
            ["data.sources.people.camera_pattern=c(["],
            "data.sources.people.camera_pattern = 'c([' is not a regular",
        ),
        (
            FOLDER,
            ["data.sources.people.camera_pattern=c[0-9]"],
            "data.sources.people.camera_pattern = 'c[0-9]' has no group",
        ),
        (
            PEOPLE,
            ["data.sources.people.cameras=1"],
            "data.sources.people.cameras = 1 leaves nothing to find in a gallery",
        ),
        (TWO, ["data.sources.more.domain=0"], "data.sources.more holds the same people as data.sources.people"),
        (
            FOLDER,
            ["data.sources.twin.format=folder", "data.sources.twin.path=./photos/"],
            "data.sources.twin holds the same people as data.sources.people",
        ),
        (PEOPLE, ["federation.fraction=0.2"], "federation.fraction = 0.2 of 4 clients is nobody: use at least 0.25"),
        (
            PEOPLE,
            ["federation.fraction=0.3", "partition.clients=3"],
            "federation.fraction = 0.3 of 3 clients is nobody: use at least 0.3334",
        ),
        (PEOPLE, ["data.image_size=[64, 8]"], "data.image_size = [64, 8] is too small for the network"),
        (
            PEOPLE,
            ["augment.crop_padding=32"],
            "augment.crop_padding = 32 is half of a 128 x 64 image or more: use at most 31",
        ),
        (PEOPLE, ["runtime.precision=bf16", "runtime.device=cpu"], "runtime.precision = 'bf16' is for a GPU"),
    ],
)
def test_a_contradiction_is_told(tmp_path: Path, base: str, overrides: list[str], says: str) -> None:
    (line, *more) = mistakes(write(tmp_path, base), *overrides)
    assert line.partition(": ")[2].startswith(says)
    # The smallest allowed image still has too much padding: both are told.
    assert [text.split()[1] for text in more] == (["augment.crop_padding"] if "image_size" in says else [])


@pytest.mark.parametrize(
    "overrides",
    [
        ["federation.fraction=0.25"],
        ["federation.fraction=0.1", "partition.clients=10"],
        ["federation.fraction=0.3334", "partition.clients=3"],
        ["federation.fraction=0.1", "partition.by=camera"],
        ["partition.public_identities=0"],
        ["data.sources.people.cameras=1", "data.sources.people.test_identities=0"],
        ["runtime.precision=bf16", "runtime.device=auto"],
        ["augment.crop_padding=31"],
    ],
)
def test_what_only_looks_like_a_contradiction_is_allowed(tmp_path: Path, overrides: list[str]) -> None:
    load_scenario(write(tmp_path, PEOPLE), overrides)


def test_all_contradictions_are_told_at_once_each_from_its_origin(tmp_path: Path) -> None:
    path = write(tmp_path, PEOPLE + "[federation]\nfraction = 0.1\n")
    lines = mistakes(path, "partition.public_source=x")
    assert [line.split()[:2] for line in lines] == [
        ["--set:", "partition.public_source"],
        ["shop.toml:", "federation.fraction"],
    ]


def test_settings_made_in_python_are_checked_too() -> None:
    data = DataSettings(sources={"people": SyntheticSource(format="synthetic")})
    with pytest.raises(ValidationError, match=r"partition\.public_source = 'x' is not one of"):
        Scenario(data=data, partition=PartitionSettings(public_source="x"))
