"""Who gets whom: sizes by hand, promises by property tests, and an error for everything that doesn't suffice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.data.held_out import held_out_images
from fedreid.data.partition import largest_remainder, partition
from fedreid.data.splits import PERSON, PUBLIC, Split, check_disjoint
from fedreid.data.summary import datasets, summarise
from fedreid.data.tables import ImageTable, drawn_table
from fedreid.errors import UserError
from fedreid.scenario.schema import PartitionSettings
from tests.data.made_up import of_rows, table


def split_of(*tables: ImageTable, seed: int = 0, **options: Any) -> Split:
    return partition({each.name: each for each in tables}, PartitionSettings(**options), seed)


def people(split: Split, part: str) -> set[tuple[str, int]]:
    return set(split.part(part)[PERSON].itertuples(index=False, name=None))


def sizes(split: Split) -> list[int]:
    return [len(people(split, part)) for part in split.clients]


def refusal(*tables: ImageTable, **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        split_of(*tables, **options)
    return str(caught.value)


def test_by_identity_the_rest_is_public() -> None:
    split = split_of(table(people=12), clients=2, identities_per_client=3)
    assert sizes(split) == [3, 3]
    assert len(people(split, PUBLIC)) == 6


def test_by_identity_so_many_are_public_and_the_others_unused() -> None:
    site = table(people=12)
    split = split_of(site, clients=2, identities_per_client=3, public_identities=2)
    assert (sizes(split), len(people(split, PUBLIC))) == ([3, 3], 2)
    assert summarise(split, {"site": site}, {})["unused"] == {"identities": 4, "images": 24}


def test_by_identity_without_a_number_all_are_shared_out_equally() -> None:
    split = split_of(table(people=14), clients=4)
    assert sizes(split) == [4, 4, 3, 3]
    assert PUBLIC not in split.parts
    assert sizes(split_of(table(people=14), clients=4, public_identities=4)) == [3, 3, 2, 2]


def test_more_clients_do_not_change_who_is_public() -> None:
    few = split_of(table(people=20), clients=2, public_identities=6)
    many = split_of(table(people=20), clients=5, public_identities=6)
    assert people(few, PUBLIC) == people(many, PUBLIC)


def test_the_seed_decides_who_goes_where() -> None:
    splits = [split_of(table(people=20), clients=3, seed=seed) for seed in (0, 0, 1)]
    assert splits[0] == splits[1]
    assert people(splits[0], "client-000") != people(splits[2], "client-000")


def test_by_camera_each_camera_of_each_source_is_a_client() -> None:
    tables = [table("b", people=6, cameras=2), table("a", people=5, cameras=1)]
    split = split_of(*tables, by="camera")
    owned = [split.part(part)[["source", "camera"]].drop_duplicates().values.tolist() for part in split.clients]
    assert owned == [[["b", 1]], [["b", 2]], [["a", 1]]]
    assert sizes(split) == [6, 6, 5]
    summary = summarise(split, {each.name: each for each in tables}, {})
    assert summary["shared_identities"] == 6
    assert summary["private"]["identities"] == 11


def test_by_camera_public_identities_are_held_out_first() -> None:
    split = split_of(table(people=8, cameras=2), by="camera", public_identities=3)
    assert (len(people(split, PUBLIC)), sizes(split)) == (3, [5, 5])


def test_by_dataset_each_source_is_a_client() -> None:
    split = split_of(table("b", people=6), table("a", people=5), by="dataset")
    assert [people(split, part) == {(name, person) for person in range(count)} for part, name, count in
            zip(split.clients, "ba", (6, 5), strict=True)] == [True, True]  # fmt: skip
    assert datasets(split) == ["b", "a"]


def test_the_same_number_in_two_sources_is_two_people() -> None:
    split = split_of(table("b", people=4), table("a", people=4), clients=2)
    assert sum(sizes(split)) == 8
    assert datasets(split_of(table("b", people=2), table("a", people=2), clients=1)) == ["b+a"]


def test_a_public_source_is_public_as_a_whole() -> None:
    tables = [table("b", people=6), table("a", people=5)]
    split = split_of(*tables, public_source="a", clients=2, identities_per_client=2)
    assert people(split, PUBLIC) == {("a", person) for person in range(5)}
    assert {source for part in split.clients for source, _ in people(split, part)} == {"b"}
    assert sizes(split) == [2, 2]
    assert sizes(split_of(*tables, public_source="a", by="dataset")) == [6]
    assert split.parts[-2:] == ["generic-a", "generic-b"]  # its test people are a test set all the same


def test_dirichlet_sizes_follow_the_shares() -> None:
    split = split_of(table(people=100, cameras=1), by="dirichlet", clients=4, alpha=0.5, seed=3)
    shares = np.random.default_rng([3, 2]).dirichlet([0.5] * 4)
    exact = 2 + 92 * shares  # two each, the other 92 by share
    assert sum(sizes(split)) == 100
    assert np.abs(np.array(sizes(split)) - exact).max() < 1


@pytest.mark.parametrize(
    ("shares", "total", "whole"),
    [
        ([0.5, 0.3, 0.2], 10, [5, 3, 2]),
        ([0.55, 0.25, 0.2], 9, [5, 2, 2]),  # 4.95, 2.25, 1.8
        ([1 / 3, 1 / 3, 1 / 3], 7, [3, 2, 2]),
        ([1.0, 0.0], 5, [5, 0]),
        ([0.5, 0.5], 0, [0, 0]),
    ],
)
def test_largest_remainder(shares: list[float], total: int, whole: list[int]) -> None:
    assert largest_remainder(np.array(shares), total).tolist() == whole


def test_query_and_gallery_are_the_generic_test_set() -> None:
    tables = [table("b", test_people=2), table("a", test_people=0)]
    split = split_of(*tables)
    assert [part for part in split.parts if part.startswith("generic")] == ["generic-b"]
    assert split.part("generic-b")["use"].value_counts().to_dict() == {"gallery": 12, "query": 6}


def test_a_gallery_without_queries_is_no_test_set() -> None:
    rows = [(f"t{i}", i, 1, "train") for i in range(4)] + [("g", 9, 1, "gallery")]
    assert split_of(of_rows("x", rows), clients=2).parts == ["client-000", "client-001"]


def test_clients_are_in_order_beyond_a_thousand() -> None:
    split = split_of(table(people=2004, cameras=1, images=1), clients=1002)
    assert split.clients[-3:] == ["client-999", "client-1000", "client-1001"]


# Held-out images


@pytest.mark.parametrize(
    ("n", "share", "count"),
    [(1, 0.4, 0), (2, 0.4, 1), (5, 0.4, 2), (10, 0.4, 4), (3, 0.01, 1), (3, 0.99, 2), (5, 0.5, 3)],
)
def test_the_held_out_share_is_rounded_and_leaves_one_on_each_side(n: int, share: float, count: int) -> None:
    assert held_out_images(np.ones(n), share, np.random.default_rng(0)).sum() == count


def test_held_out_images_take_turns_over_cameras_the_fullest_first() -> None:
    cameras = np.array([1, 2, 2, 2, 2, 3, 3, 3])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        held = cameras[held_out_images(cameras, 0.25, rng)]
        assert sorted(held) == [2, 3]  # camera 1 has one image, and training keeps it
        assert sorted(cameras[held_out_images(cameras, 0.5, rng)]) == [1, 2, 2, 3]


def test_held_out_images_of_one_camera_are_drawn_at_random() -> None:
    drawn = [held_out_images(np.full(6, -1), 0.5, np.random.default_rng(seed)).tolist() for seed in range(20)]
    assert len({tuple(each) for each in drawn}) > 5


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=30), st.floats(0.01, 0.99), st.integers(0, 99))
def test_held_out_promises(cameras: list[int], share: float, seed: int) -> None:
    held = held_out_images(np.array(cameras), share, np.random.default_rng(seed))
    assert (held == held_out_images(np.array(cameras), share, np.random.default_rng(seed))).all()
    assert (~held).sum() >= 1
    assert held.sum() >= (len(cameras) > 1)
    assert (
        abs(held.sum() - share * len(cameras)) <= 0.5 + 1e-9 or held.sum() in (1, len(cameras) - 1) or len(cameras) == 1
    )
    of_camera = [np.array(cameras)[held].tolist().count(camera) for camera in set(cameras)]
    total = [cameras.count(camera) for camera in set(cameras)]
    assert all(a >= min(b - 1, n) for a, n in zip(of_camera, total, strict=True) for b in of_camera)  # evenly spread


def test_an_identity_is_divided_the_same_way_on_whichever_client() -> None:
    def held(split: Split) -> set[str]:
        return set(split.frame.loc[split.frame["use"] == "held_out", "path"])

    assert held(split_of(table(people=20), clients=2)) == held(split_of(table(people=20), clients=5))


# Promises of every partition

TABLES = st.builds(
    lambda counts, cameras, test_people: of_rows(
        "x",
        [
            (f"{person:03d}_{image}", person, image % cameras, "train")
            for person, count in enumerate(counts)
            for image in range(count)
        ]
        + [(f"q{person}", 900 + person, 0, "query") for person in range(test_people)]
        + [(f"g{person}", 900 + person, 1, "gallery") for person in range(test_people)],
    ),
    st.lists(st.integers(1, 6), min_size=6, max_size=25),
    st.integers(1, 3),
    st.integers(0, 2),
)


@settings(max_examples=60, deadline=None)
@given(
    site=TABLES,
    by=st.sampled_from(["identity", "camera", "dataset", "dirichlet"]),
    clients=st.integers(1, 4),
    public=st.integers(-1, 6),
    alpha=st.sampled_from([1e-9, 0.1, 1.0, 1e6]),
    share=st.sampled_from([0.1, 0.4, 0.9]),
    seed=st.integers(0, 2**32 - 1),
)
def test_promises_of_every_partition(
    site: ImageTable, by: str, clients: int, public: int, alpha: float, share: float, seed: int
) -> None:
    tables = {"one": site, "two": site}
    wanted = PartitionSettings(by=by, clients=clients, public_identities=public, alpha=alpha, held_out=share)  # type: ignore[arg-type]
    try:
        split = partition(tables, wanted, seed)
    except UserError:
        return  # too few for this many clients: the errors have tests of their own
    assert split == partition(tables, wanted, seed)
    frame = split.frame
    assert not frame.duplicated(["source", "row"]).any()
    for name, rows in frame.groupby("source"):
        taken = tables[str(name)].frame.iloc[rows["row"].to_numpy()]
        assert (
            taken[["path", "identity", "camera"]].values.tolist()
            == rows[["path", "identity", "camera"]].values.tolist()
        )
        assert ((taken["split"] == "train").to_numpy() == ~rows["part"].str.startswith("generic").to_numpy()).all()
    private = frame[frame["part"].str.startswith("client")]
    assert not set(people(split, PUBLIC)) & set(private[PERSON].itertuples(index=False, name=None))
    assert len(people(split, PUBLIC)) == max(public, 0)
    assert min(sizes(split)) >= 2
    if by != "camera":
        assert private.groupby(PERSON)["part"].nunique().max() == 1
        assert len(private) + len(split.part(PUBLIC)) == 2 * (site.frame["split"] == "train").sum()  # nobody is lost
    for _, images in private.groupby(["part", *PERSON]):
        held = int((images["use"] == "held_out").sum())
        assert held == (min(max(int(share * len(images) + 0.5), 1), len(images) - 1) if len(images) > 1 else 0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"row": [0, 0, 2]}, "an image is in two parts"),
        ({"part": [PUBLIC, "client-000", "client-000"]}, "both public and private"),
        ({"part": ["client-000", "client-001", "client-001"]}, "two clients"),
    ],
)
def test_a_broken_promise_is_noticed(change: dict[str, list[Any]], says: str) -> None:
    frame = pd.DataFrame({"part": "client-000", "source": "a", "row": [0, 1, 2], "identity": [1, 1, 2]})
    check_disjoint(Split(frame))
    with pytest.raises(AssertionError, match=says):
        check_disjoint(Split(frame.assign(**change)))


# What doesn't suffice


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


def test_nobody_trains_on_an_unseen_source() -> None:
    tested = of_rows("shop", [("q", 1, 1, "query"), ("g", 1, 2, "gallery")])
    split = split_of(table(), tested, by="dataset")
    assert datasets(split) == [table().name]
    assert split.part("generic-shop")["use"].tolist() == ["query", "gallery"]


def test_random_halves_of_a_protocol_are_parts_of_their_own() -> None:
    rows = {"a1": (1, 1), "b1": (1, 2), "a2": (2, 1), "b2": (2, 2)}
    halves = [
        of_rows("shop", [(path, *rows[path], use) for path, use in zip(chosen, ("query", "gallery"), strict=True)])
        for chosen in (("a1", "b1"), ("b2", "a2"), ("a2", "b2"))
    ]
    split = split_of(table(), drawn_table(halves), by="dataset")
    parts = [split.part(part) for part in ("generic-shop@00", "generic-shop@01", "generic-shop@02")]
    assert [sorted(zip(part["path"], part["use"], strict=True)) for part in parts] == [
        [("a1", "query"), ("b1", "gallery")], [("a2", "gallery"), ("b2", "query")], [("a2", "query"), ("b2", "gallery")]
    ]  # fmt: skip
    everything = drawn_table(halves).frame
    for part in parts:
        assert everything["path"].iloc[part["row"]].tolist() == part["path"].tolist()


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
