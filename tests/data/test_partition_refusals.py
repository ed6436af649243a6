"""What doesn't suffice for a partition: each mistake is refused with what was needed and what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fedreid.data.tables import ImageTable
from fedreid.errors import UserError
from tests.data.made_up import of_rows, table
from tests.data.partitions import split_of


def refusal(*tables: ImageTable, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        split_of(*tables, **options)
    return str(caught.value)


def test_too_few_identities_says_how_many_there_are() -> None:
    message = refusal(table(people=10), clients=3, identities_per_client=4)
    assert message.startswith("partition: 3 clients with 4 identities each need 12 training identities")
    assert "found 10" in message


@pytest.mark.parametrize("by", ["identity", "dirichlet"])
def test_fewer_than_two_identities_for_a_client_are_refused(by: str) -> None:
    message = refusal(table(people=9), by=by, clients=3, public_identities=4)
    assert message.startswith("partition: 3 clients with 2 identities each need 6 training identities")
    assert "found 5" in message


def test_more_public_identities_than_there_are_is_refused() -> None:
    assert refusal(table(people=9), public_identities=10) == (
        "partition.public_identities = 10: found only 9 training identities"
    )


def test_where_a_synthetic_twin_is_too_small_the_scenarios_for_twins_are_named() -> None:
    twin = replace(table(people=9), root=Path("/cache/twins/market1501-0a1b/bounding_box"))
    found = refusal(twin, public_identities=10)
    assert found.startswith("partition.public_identities = 10: found only 9 training identities\n")
    assert "scenarios/twins/" in found


def test_cameras_that_are_unknown_in_training_only_are_no_clients() -> None:
    """As those of iLIDS."""
    rows = [(f"{person}_{image}", person, -1, "train") for person in range(4) for image in range(3)]
    tested = [("q", 9, 1, "query"), ("g", 9, 2, "gallery")]
    found = refusal(of_rows("airport", [*rows, *tested]), by="camera", public_identities=0)
    assert "airport: partition.by = 'camera' needs every image's camera; it is unknown for 12 of 12 training" in found


def test_a_source_without_training_and_test_images_is_refused() -> None:
    found = refusal(table(), of_rows("shop", [("g", 1, 2, "gallery")]))
    assert found == "shop: expected training images in /data/shop, found none, and no test set either"
    tested = of_rows("shop", [("q", 1, 1, "query"), ("g", 1, 2, "gallery")])
    assert refusal(tested) == "shop: expected training images in at least one source, found none"


def test_by_camera_needs_cameras() -> None:
    unknown = of_rows("shop", [(f"{i}", i, -1, "train") for i in range(4)])
    assert refusal(unknown, by="camera") == (
        "shop: partition.by = 'camera' needs every image's camera; "
        "it is unknown for 4 of 4 training images in /data/shop"
    )
    split_of(table(), unknown, by="camera", public_source="shop")  # public images need none


def test_an_unknown_public_source_is_refused() -> None:
    assert refusal(table(), public_source="x") == "partition.public_source = 'x' is not one of site"


def test_a_camera_left_without_images_names_it() -> None:
    rows = [(f"{i}", i, 1, "train") for i in range(8)]
    rare = of_rows("shop", [*rows, ("8", 8, 2, "train")])
    assert refusal(rare, by="camera").startswith(
        "partition.by = 'camera': the client of camera 2 of shop is left with 1 private identities and needs at least 2"
    )


def test_a_dataset_left_without_people_names_it() -> None:
    message = refusal(table("b", people=9), table("a", people=1), by="dataset")
    assert message.startswith("partition.by = 'dataset': the client of a is left with 1 private identities")
