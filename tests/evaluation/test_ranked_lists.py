"""Which queries are shown, what they find first, and who is on the map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.evaluation.match_ranks import Labels
from fedreid.evaluation.ranked_lists import first_found, random_queries, seen_widely, spread_over_cameras


def drawn(people: list[int], count: int, seed: int = 0, without: tuple[int, ...] = ()) -> list[int]:
    has_match = ~np.isin(np.arange(len(people)), without)
    return random_queries(np.array(people), has_match, count, np.random.default_rng(seed)).tolist()


def test_queries_are_of_as_many_people_as_possible_and_have_a_match() -> None:
    people = [7, 7, 7, 7, 7, 7, 3, 5]
    for seed in range(20):
        assert sorted(people[each] for each in drawn(people, 3, seed)) == [3, 5, 7]
        assert drawn(people, 2, seed, without=(0, 1, 2, 3, 4, 6)) in ([5, 7], [7, 5])
        assert sorted(drawn(people, 9, seed)) == [*range(8)]
    assert drawn(people, 0) == []
    assert drawn([1], 3, without=(0,)) == []


def test_queries_depend_on_the_seed() -> None:
    people = [*range(50)]
    assert drawn(people, 4, 5) == drawn(people, 4, 5)
    assert len({tuple(drawn(people, 4, seed)) for seed in range(10)}) == 10


def test_the_first_images_without_those_of_the_same_person_and_camera() -> None:
    """Cosines to (1, 0): 1, 0.8, 0.6, 0, -1."""
    gallery = np.array([[0, 1], [3, 4], [1, 0], [4, 3], [-2, 0]], np.float32)
    labels = Labels(np.array([7, 8, 7, 7, 9]), np.array([1, 1, 1, 2, 2]))
    ((places, cosines),) = first_found(
        np.array([[2, 0]], np.float32), Labels(np.array([7]), np.array([1])), gallery, labels, ranks=2
    )
    assert places.tolist() == [3, 1], "0 and 2 are of the query's person and camera"
    assert cosines.tolist() == pytest.approx([0.8, 0.6])
    ((places, _),) = first_found(
        np.array([[2, 0]], np.float32), Labels(np.array([7]), np.array([1])), gallery, labels, ranks=9
    )
    assert places.tolist() == [3, 1, 4]


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.integers(1, 12), st.booleans())
def test_the_order_is_that_of_sorting_all_exact_scores(seed: int, ranks: int, collapsed: bool) -> None:
    rng = np.random.default_rng(seed)
    features = rng.integers(-1, 2, (40, 3)).astype(np.float32) if collapsed else rng.normal(size=(40, 16))
    ids, cameras = rng.integers(0, 5, 40), rng.integers(0, 3, 40)
    found = first_found(
        features[:4], Labels(ids[:4], cameras[:4]), features[4:], Labels(ids[4:], cameras[4:]), ranks=ranks
    )
    unit = features / np.maximum(np.linalg.norm(features.astype(float), axis=1, keepdims=True), 1e-300)
    for query, (places, _) in enumerate(found):
        similar = [
            (-round(float(unit[query] @ unit[4 + place]), 11), place)
            for place in range(36)
            if (ids[4 + place], cameras[4 + place]) != (ids[query], cameras[query])
        ]
        assert places.tolist() == [place for _, place in sorted(similar)[:ranks]]


def test_people_that_most_cameras_saw_and_ties_by_the_generator() -> None:
    identities = np.array([1, 1, 1, 2, 2, 3, 3, 4, 4])
    cameras = np.array([1, 2, 3, 1, 1, 1, 2, -5, -6])  # unknown ones count as one camera
    assert seen_widely(identities, cameras, 2, np.random.default_rng(0)).tolist() == [1, 3]
    assert seen_widely(identities, cameras, 0, np.random.default_rng(0)).tolist() == []
    third = {seen_widely(identities, cameras, 3, np.random.default_rng(seed)).tolist()[1] for seed in range(20)}
    assert third == {2, 3}, "2 or 4 beside 1 and 3"


def test_images_are_spread_over_cameras() -> None:
    cameras = np.array([1, 1, 1, 1, 2, 3, 3])
    assert spread_over_cameras(cameras, 3).tolist() == [0, 4, 5]
    assert spread_over_cameras(cameras, 5).tolist() == [0, 1, 4, 5, 6]
    assert spread_over_cameras(cameras, 99).tolist() == list(range(7))
