"""What is known of formats: every one that a scenario can name, with the readers' own counts."""

from __future__ import annotations

import tomllib
from typing import get_args

import pytest

from fedreid.data.checking.catalogue import ENTRIES, entry, number_of, people_of, scenario_lines
from fedreid.data.checking.catalogue_entry import Version
from fedreid.data.formats import duke, ijb, market1501, viper
from fedreid.errors import UserError
from fedreid.scenario.source_schema import Source


def formats_of_a_scenario() -> list[str]:
    union = get_args(Source)[0]
    return [get_args(one.model_fields["format"].annotation)[0] for one in get_args(union)]


def test_every_format_of_a_scenario_has_one_entry_and_no_other_has() -> None:
    assert sorted(one.name for one in ENTRIES) == sorted(formats_of_a_scenario())


@pytest.mark.parametrize("one", ENTRIES, ids=lambda one: one.name)
def test_an_entry_says_everything(one) -> None:  # type: ignore[no-untyped-def]
    assert all((one.title, one.about, one.citation, one.access, one.source, one.licence, one.terms))
    assert one.needs or one.name == "synthetic"
    assert one.versions or one.name in ("folder", "synthetic")


def test_published_counts_are_the_readers_own() -> None:
    assert entry("market1501").versions[0].parts is market1501.PUBLISHED
    assert entry("dukemtmc").versions[0].parts is duke.LAYOUT.published
    assert entry("viper").versions[0].parts is viper.PUBLISHED
    assert dict(entry("ijb").versions[1].parts)["templates"] == (None, ijb.RELEASES["IJB-B"].published["templates"])


@pytest.mark.parametrize(
    ("name", "people", "images"),
    [
        ("market1501", 1_501, 12_936 + 3_368 + 15_913),
        ("dukemtmc", 1_812, 36_411),
        ("msmt17", 4_101, 30_248 + 11_659 + 82_161),
        ("viper", 632, 1_264),
        ("ilids", 119, 476),
        ("cuhk02", 1_816, 7_264),
        ("lfw", 5_749, 13_233),
        ("ijb", 3_531, 469_375),
    ],
)
def test_people_and_images_are_those_of_the_papers(name: str, people: int, images: int) -> None:
    assert people_of(entry(name)) == people
    assert number_of(entry(name)) == (images, "images")


def test_of_tracklets_the_unit_is_said_and_of_ones_own_nothing_is_known() -> None:
    assert number_of(entry("ilids_vid")) == (600, "tracklets")
    assert people_of(entry("folder")) is None
    assert number_of(entry("folder")) is None


def test_people_are_unknown_where_one_part_does_not_say() -> None:
    assert Version({"train": (3, 9), "query": (None, 2)}).people is None
    assert Version({"train": (3, 9), "query": (2, 2), "gallery": (4, 6)}).people == 7


def test_an_unknown_format_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"markt1501 is no format\. Did you mean market1501\?\n  There are: market1501"):
        entry("markt1501")
    with pytest.raises(UserError, match=r"xyz is no format\.\n"):
        entry("xyz")


def test_the_lines_of_a_scenario_are_toml_whatever_the_path() -> None:
    settings = {"format": "folder", "path": 'C:\\fotos "neu"/Zoë', "camera_pattern": r"c(\d+)_"}
    assert tomllib.loads(scenario_lines("photos", settings)) == {"data": {"sources": {"photos": settings}}}
