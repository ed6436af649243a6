"""Which queries are shown, what they find first, and who is on the map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.data.query_scores import QueryScores
from fedreid.evaluation.match_ranks import Labels
from fedreid.evaluation.ranked_lists import first_found, seen_widely, spread_over_cameras, spread_queries


def scores(*ap: float) -> QueryScores:
    values = np.array(ap)
    return QueryScores(values, values, np.where(np.isnan(values), 0, 1))


def test_queries_run_from_the_worst_to_the_best_without_those_that_have_no_match() -> None:
    asked = scores(0.9, np.nan, 0.1, 0.5, 0.7, 0.3)
    assert spread_queries(asked, 3).tolist() == [2, 3, 0]
    assert spread_queries(asked, 2).tolist() == [2, 0]
    assert spread_queries(asked, 9).tolist() == [2, 5, 3, 4, 0]
    assert spread_queries(asked, 0).tolist() == []
    assert spread_queries(scores(np.nan), 3).tolist() == []
    assert spread_queries(scores(0.5, 0.5, 0.5), 2).tolist() == [0, 2], "ties in the order of the queries"


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
