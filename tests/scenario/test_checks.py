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


def of(**sources: str) -> str:
    """Sources, each a format and further settings."""
    return "".join(
        f'[data.sources.{name}]\nformat = "{text.split()[0]}"\npath = "{name}"\n' + "\n".join(text.split()[1:]) + "\n"
        for name, text in sources.items()
    )


UNSEEN = 'role="unseen"'


@pytest.mark.parametrize(
    ("sources", "why"),
    [
        (of(a="cuhk01", b="cuhk02"), "CUHK01 is P1 of CUHK02"),
        (of(a="cuhk02 verify_counts=false", b="cuhk01 verify_counts=false"), "CUHK01 is P1 of CUHK02"),
        (of(a="prid", b="prid_video"), "PRID 2011's stills are of the people in its videos"),
        (of(a="market1501 verify_counts=false", b="mars"), "MARS is the video edition of Market-1501"),
        (of(a="cuhk03 verify_counts=false", b='cuhk03 boxes="labelled"'), "both are CUHK03, whoever drew the boxes"),
        (of(a='msmt17 version="V1"', b='msmt17 version="V2"'), "both are MSMT17, with faces blurred or not"),
        (of(a="viper", b="viper"), "both are the whole of viper"),
    ],
)
@pytest.mark.parametrize("unseen", ["", "a", "b"])
def test_known_overlaps_of_people_are_refused(tmp_path: Path, sources: str, why: str, unseen: str) -> None:
    text = sources.replace(f'path = "{unseen}"', f'path = "{unseen}"\n{UNSEEN}') if unseen else sources
    if "P1" in why and f'"cuhk02"\npath = "{unseen}"' in text:
        load_scenario(write(tmp_path, text))  # its test is P5, which shows nobody of CUHK01
        return
    (line,) = mistakes(write(tmp_path, text))
    says = "one of the two is unseen, and its strangers" if unseen else "an identity would belong to two clients"
    assert line.startswith(f"shop.toml: data.sources.b holds the same people as data.sources.a ({why}): {says}")


@pytest.mark.parametrize(
    "more",
    [
        of(a=f"cuhk03 {UNSEEN}", b=f'cuhk03 {UNSEEN} boxes="labelled"'),
        of(a=f"prid {UNSEEN}", b=f"prid_video {UNSEEN}"),
        of(a=f"viper {UNSEEN}", b=f"viper {UNSEEN}").replace('path = "b"', 'path = "a"'),
        of(a="market1501 verify_counts=false", b="market1501 verify_counts=false"),  # two sites in its layout
        of(a="market1501", b="dukemtmc", c="prid", d="ilids_vid", e=f"ilids {UNSEEN}", f="cuhk02"),
    ],
)
def test_others_may_be_in_one_federation(tmp_path: Path, more: str) -> None:
    load_scenario(write(tmp_path, PEOPLE + more))


def test_lists_say_what_is_held_out(tmp_path: Path) -> None:
    wanted = ["partition.held_out=0", "partition.by=lists", "partition.lists=x"]
    load_scenario(write(tmp_path, PEOPLE), wanted)
    assert len(mistakes(write(tmp_path, PEOPLE), wanted[0])) == 1
