"""Ranking against pencil and paper, and against sorting whole rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.evaluation import rank
from fedreid.evaluation.cosines import Cosines
from fedreid.evaluation.match_ranks import Labels
from fedreid.evaluation.ranking import rank_in_chunks
from tests.evaluation.oracle import rank_by_sorting


def at(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane; the smaller the angle between two, the more similar they are."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


# Query at 0 degrees, identity 1, camera 0. By angle: 10 other, 20 match, 30 left out (own camera), 40 other,
# 50 match, 60 distractor, 70 match. Without the one left out the matches are at ranks 2, 4 and 6.
GALLERY = at(50, 10, 70, 30, 20, 60, 40)
GALLERY_IDS = np.array([1, 2, 1, 1, 1, 0, 3])
GALLERY_CAMERAS = np.array([1, 0, 2, 0, 1, 0, 1])


def test_scores_computed_by_hand():
    # Second query at 75 degrees, identity 1, camera 2: the image at 70 is its own camera's. By angle from 75: 60 (15)
    # distractor, 50 (25) match, 40 (35) other, 30 (45) match, 20 (55) match, 10 (65) other: ranks 2, 4, 5.
    # Third query: identity 3, camera 1, whose only image is of the same camera: skipped.
    found = rank(at(0, 75, 0), [1, 1, 3], [0, 2, 1], GALLERY, GALLERY_IDS, GALLERY_CAMERAS, ranks=(1, 2, 5))
    first = (1 / 2 + 2 / 4 + 3 / 6) / 3
    second = (1 / 2 + 2 / 4 + 3 / 5) / 3
    assert found.mAP == pytest.approx((first + second) / 2)
    assert found.mINP == pytest.approx((3 / 6 + 3 / 5) / 2)
    assert found.cmc == {1: 0.0, 2: 1.0, 5: 1.0}
    assert (found.queries, found.skipped) == (2, 1)


def test_average_precision_is_the_mean_at_the_hits_and_not_a_trapezoid():
    # Hits at ranks 1 and 3: (1/1 + 2/3) / 2 = 5/6; the trapezoid rule would give 0.7916...
    found = rank(at(0), [1], [0], at(1, 2, 3), [1, 2, 1], [1, 1, 1])
    assert found.mAP == pytest.approx(5 / 6)
    assert found.mINP == pytest.approx(2 / 3)


def test_equal_scores_rank_in_the_order_of_the_gallery():
    same = np.ones((4, 3))
    behind = rank(same[:1], [1], [0], same, [2, 2, 1, 2], [1, 1, 1, 1])
    assert behind.mAP == pytest.approx(1 / 3)
    ahead = rank(same[:1], [1], [0], same, [1, 2, 2, 2], [1, 1, 1, 1])
    assert ahead.mAP == 1


def test_a_query_without_any_match_leaves_nothing_to_average():
    found = rank(at(0), [1], [0], at(5, 9), [1, 2], [0, 0])
    assert (found.queries, found.skipped) == (0, 1)
    assert math.isnan(found.mAP)
    assert math.isnan(found.mINP)
    assert all(math.isnan(share) for share in found.cmc.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_takes_torch_of_any_float_type(dtype):
    found = rank(
        torch.from_numpy(at(0)).to(dtype), torch.tensor([1]), torch.tensor([0]),
        torch.from_numpy(GALLERY).to(dtype), torch.from_numpy(GALLERY_IDS), torch.from_numpy(GALLERY_CAMERAS),
    )  # fmt: skip
    assert found.mAP == pytest.approx(0.5)


def test_length_of_features_does_not_matter():
    lengths = np.array([[3.0], [0.01], [7.0], [1.0], [1e-4], [1e5], [2.0]])
    assert rank(5 * at(0), [1], [0], GALLERY * lengths, GALLERY_IDS, GALLERY_CAMERAS).mAP == pytest.approx(0.5)


def test_a_feature_of_zeros_is_similar_to_nothing():
    found = rank(at(0), [1], [0], np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 0.0]]), [1, 2, 3], [1, 1, 1])
    assert found.mAP == pytest.approx(1 / 2)


def labelled(generator: np.random.Generator, images: int, people: int) -> tuple[np.ndarray, np.ndarray]:
    return generator.integers(0, people, images), generator.integers(0, 3, images)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    queries=st.integers(1, 12),
    gallery=st.integers(1, 60),
    people=st.integers(1, 8),
    dim=st.integers(1, 5),
    kind=st.sampled_from(["continuous", "grid", "duplicates", "collapsed"]),
)
def test_agrees_with_sorting_whole_rows(seed, queries, gallery, people, dim, kind):
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((queries + gallery, dim))
    if kind == "grid":  # many scores agree
        features = generator.integers(-1, 2, features.shape).astype(np.float64)
    elif kind == "duplicates":
        features = features[generator.integers(0, 4, len(features)) % len(features)]
    elif kind == "collapsed":  # a network that says the same of everyone, up to rounding
        features = 1 + 1e-9 * features
    ids, cameras = labelled(generator, queries + gallery, people)
    sides = (features[:queries], ids[:queries], cameras[:queries], features[queries:], ids[queries:], cameras[queries:])
    found = rank(*sides)
    if not found.queries:
        assert found.skipped == queries
        return
    mean_ap, mean_inp, cmc, skipped = rank_by_sorting(*sides)
    assert found.mAP == pytest.approx(mean_ap)
    assert found.mINP == pytest.approx(mean_inp)
    assert found.cmc == pytest.approx(cmc)
    assert (found.queries, found.skipped) == (queries - skipped, skipped)


@pytest.mark.parametrize("gallery", [40, 3000])
def test_chunk_size_and_threads_change_no_bit(gallery):
    """With duplicates, with scores that are equal up to float32 rounding, and with a collapsed query among others."""
    generator = np.random.default_rng(gallery)
    queries, dim = 23, 96
    features = generator.standard_normal((gallery, dim)).astype(np.float32)
    features[gallery // 2 :] = features[: gallery - gallery // 2]  # everyone twice
    features[::7] += np.float32(1e-7)
    query = generator.standard_normal((queries, dim)).astype(np.float32)
    query[5] = 0
    ids, cameras = labelled(generator, gallery, 9)
    query_ids, query_cameras = labelled(generator, queries, 9)
    cosines = Cosines(query, features)
    labels = Labels(query_ids, query_cameras), Labels(ids, cameras)
    found = [
        rank_in_chunks(cosines, *labels, ranks=(1, 5, 10), chunk=chunk, threads=threads)
        for chunk, threads in [*((chunk, 1) for chunk in range(1, queries + 1)), (128, 1), (2, 3), (7, 2)]
    ]
    assert all(ranking == found[0] for ranking in found)
    assert found[0].mAP == pytest.approx(
        rank_by_sorting(query, query_ids, query_cameras, features, ids, cameras)[0], abs=1e-12
    )


def test_order_of_queries_changes_nothing():
    generator = np.random.default_rng(3)
    query, gallery = generator.standard_normal((30, 8)), generator.standard_normal((50, 8))
    (query_ids, query_cameras), (ids, cameras) = labelled(generator, 30, 5), labelled(generator, 50, 5)
    shuffled = generator.permutation(30)
    straight = rank(query, query_ids, query_cameras, gallery, ids, cameras)
    other = rank(query[shuffled], query_ids[shuffled], query_cameras[shuffled], gallery, ids, cameras)
    assert other.mAP == pytest.approx(straight.mAP)
    assert other.cmc == straight.cmc


def test_never_holds_the_whole_matrix(monkeypatch):
    shapes: list[tuple[int, int]] = []
    approximate = Cosines.approximate

    def watched(self: Cosines, start: int, end: int, out: np.ndarray) -> None:
        shapes.append(out.shape)
        approximate(self, start, end, out)

    monkeypatch.setattr(Cosines, "approximate", watched)
    generator = np.random.default_rng(0)
    ids, cameras = labelled(generator, 1000, 50)
    features = generator.standard_normal((1000, 4))
    rank(features, ids, cameras, features, ids, cameras)
    assert max(rows for rows, _ in shapes) <= 256
    assert sum(rows for rows, _ in shapes) == 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({0: np.ones(3)}, "query features must be"),
        ({0: np.ones((1, 3))}, "3 dimensions, gallery features 2"),
        ({1: [1, 2]}, "query ids must be 1 integers"),
        ({2: [0.5]}, "query cameras must be 1 integers"),
        ({3: np.full((7, 2), np.nan)}, "gallery features hold nan or inf in row 0"),
        ({3: np.ones((0, 2))}, "gallery features must be"),
        ({5: [1]}, "gallery cameras must be 7 integers"),
    ],
)
def test_refuses(change, message):
    sides = [at(0), [1], [0], GALLERY, GALLERY_IDS, GALLERY_CAMERAS]
    for position, value in change.items():
        sides[position] = value
    with pytest.raises(ValueError, match=message):
        rank(*sides)


def test_refuses_a_rank_below_one():
    with pytest.raises(ValueError, match="ranks count from 1, found 0"):
        rank(at(0), [1], [0], GALLERY, GALLERY_IDS, GALLERY_CAMERAS, ranks=(0, 1))
