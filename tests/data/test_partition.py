"""Who gets whom: sizes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fedreid.data.partition import largest_remainder
from fedreid.data.splits import PUBLIC
from fedreid.data.summary import datasets, summarise
from fedreid.data.tables import drawn_table
from tests.data.made_up import of_rows, table
from tests.data.partitions import people, sizes, split_of


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
