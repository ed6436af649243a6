"""Verification from embeddings against all pairs one by one, and the independence of everything that isn't the data."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.evaluation import highest_impostors, own_pairs, search_pairs, verify_embeddings, verify_scores
from fedreid.evaluation.counted_impostors import scores_by_counting
from tests.evaluation.open_set_made_up import features
from tests.evaluation.open_set_oracle import best_rate, own_scores, search_scores

RATES = (0.0, 0.01, 0.1, 0.35, 0.8, 1.0)
seeds = st.integers(0, 2**32 - 1)


def own_set(seed: int, *, ties: bool):
    """(features, ids, others) with two images at least of somebody, and two people."""
    generator = np.random.default_rng(seed)
    count = int(generator.integers(3, 20))
    ids = np.concatenate([[7, 7, 3], generator.integers(3, 8, count - 3)])
    return features(generator, count, ties=ties), ids, features(generator, int(generator.integers(0, 25)), ties=ties)


def search_set(seed: int, *, ties: bool):
    """Arguments of `search_pairs`: distractors (identity 0) are among the gallery, unknown cameras on both sides."""
    generator = np.random.default_rng(seed)
    sides = []
    for lowest, first in ((1, -1), (0, -101)):
        count = int(generator.integers(2, 20))
        ids = np.concatenate([[1, 2], generator.integers(lowest, 5, count - 2)])
        cameras = generator.integers(-1, 3, count)
        unknown = first - np.arange(count)
        sides += [features(generator, count, ties=ties), ids, np.where(cameras < 0, unknown, cameras)]
    sides[5][0] = 9  # the first of the gallery has another camera than its namesake among the queries
    return sides


def check(pairs, genuine, impostor, **how):
    """Against every threshold."""
    found = verify_embeddings(pairs, RATES, **how)
    assert (found.genuine, found.impostors) == (len(genuine), len(impostor))
    for rate in RATES:
        assert found.tar[rate] == pytest.approx(best_rate(genuine, impostor, rate), abs=1e-12)
        assert found.realised[rate] == np.mean(np.array(impostor) > found.threshold[rate] + 1e-11)
        assert found.realised[rate] * len(impostor) <= rate * len(impostor) + 1e-9


@settings(deadline=None)
@given(seeds, st.booleans(), st.booleans())
def test_own_people_pair_by_pair(seed, ties, within):
    own, ids, others = own_set(seed, ties=ties)
    genuine, impostor = own_scores(own, ids, others, within)
    pairs = own_pairs(own, ids, others, impostors="all" if within else "cross_client")
    if impostor:
        check(pairs, genuine, impostor)


@settings(deadline=None)
@given(seeds, st.booleans())
def test_queries_and_gallery_pair_by_pair(seed, ties):
    sides = search_set(seed, ties=ties)
    check(search_pairs(*sides), *search_scores(*sides))


@settings(deadline=None, max_examples=60)
@given(seeds, st.booleans(), st.tuples(st.integers(1, 9), st.integers(1, 9)), st.sampled_from([0, 1, 5, 2**23]))
def test_neither_tiles_nor_memory_change_anything(seed, ties, tile, most_wanted):
    for pairs in (own_pairs(*own_set(seed, ties=ties)), search_pairs(*search_set(seed, ties=ties))):
        expected = verify_embeddings(pairs, RATES)
        assert verify_embeddings(pairs, RATES, tile=tile, most_wanted=most_wanted) == expected


@settings(deadline=None)
@given(seeds, st.booleans(), st.integers(1, 40))
def test_sifting_loses_nothing(seed, ties, room):
    pairs = own_pairs(*own_set(seed, ties=ties))
    rates = (0.0, 0.02, 0.1)
    expected = verify_embeddings(pairs, rates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(highest_impostors, "ROOM", room)
        patch.setattr(highest_impostors, "AT_ONCE", 7)
        assert verify_embeddings(pairs, rates, tile=(3, 4)) == expected


def larger_set() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    ids = np.repeat(np.arange(20), 15)
    centres = generator.standard_normal((20, 24))
    own = centres[ids] + 1.5 * generator.standard_normal((len(ids), 24))
    return own.astype(np.float32), ids, generator.standard_normal((3000, 24)).astype(np.float32)


def test_a_larger_set_sifted_many_times_agrees_with_the_whole_matrix(monkeypatch):
    own, ids, others = larger_set()
    units = [
        side.astype(np.float64) / np.linalg.norm(side.astype(np.float64), axis=1)[:, None] for side in (own, others)
    ]
    upper = np.triu(np.ones((300, 300), bool), 1)
    is_same = ids[:, None] == ids
    within = units[0] @ units[0].T
    impostor = np.concatenate([within[upper & ~is_same], (units[0] @ units[1].T).ravel()])
    rates = (1e-5, 1e-4, 1e-3)
    expected = verify_scores(within[upper & is_same], impostor, rates)

    sifted = []
    sift = highest_impostors.Highest._sift
    monkeypatch.setattr(highest_impostors, "ROOM", 100)
    monkeypatch.setattr(highest_impostors, "AT_ONCE", 1000)
    monkeypatch.setattr(highest_impostors, "likely_floor", lambda regions, wanted: -np.inf)
    monkeypatch.setattr(highest_impostors.Highest, "_sift", lambda self: sifted.append(sift(self)))
    found = verify_embeddings(own_pairs(own, ids, others), rates, tile=(64, 100))
    assert len(sifted) > 5
    assert (found.tar, found.realised) == (expected.tar, expected.realised)
    assert found.threshold == pytest.approx(expected.threshold, abs=1e-11)


@pytest.mark.parametrize("with_others", [True, False])
def test_a_sample_of_the_images_tells_what_to_leave_out(with_others, monkeypatch):
    own, ids, others = larger_set()
    pairs = own_pairs(own, ids, others if with_others else others[:0])
    wanted = pairs.impostors // 20
    monkeypatch.setattr(highest_impostors, "SAMPLE", (100, 700 if with_others else 100))
    highest = highest_impostors.Highest(pairs.impostors_in, wanted, (64, 100))
    assert highest.gather(highest_impostors.likely_floor(pairs.impostors_in, wanted))
    assert wanted <= highest._count < 2 * wanted


@settings(deadline=None)
@given(seeds, st.booleans(), st.floats(-1, 1))
def test_a_sample_unlike_the_rest_changes_nothing(seed, ties, floor):
    pairs = own_pairs(*own_set(seed, ties=ties))
    expected = verify_embeddings(pairs, RATES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(highest_impostors, "likely_floor", lambda regions, wanted: floor)
        assert verify_embeddings(pairs, RATES) == expected


def test_a_floor_within_rounding_of_the_last_place_is_too_high():
    # One impostor at 60 degrees, one at 90. A floor of .4999999 keeps the first, but had the second been exactly as
    # high, rounding in float32 might have left it out.
    pairs = own_pairs([[1.0, 0.0], [1.0, 0.0]], [1, 1], [[0.5, np.sqrt(0.75)], [0.0, 1.0]])
    highest = highest_impostors.Highest(pairs.impostors_in, 2, (64, 100))  # each of both images has it
    assert not highest.gather(0.4999999)
    assert highest.gather(0.499)
    assert highest.exact(1) == (0.5, 0)


def test_counting_finds_the_same_scores_as_sorting():
    own, ids, others = larger_set()
    pairs = own_pairs(own[:40], ids[:40], others[:200])
    genuine, impostor = own_scores(own[:40], ids[:40], others[:200])
    assert genuine
    descending = sorted(impostor, reverse=True)
    places = [1, 2, 77, 4000, len(descending)]
    found = scores_by_counting(pairs.impostors_in, places, tile=(16, 64))
    for place in places:
        assert found[place].score == pytest.approx(descending[place - 1], abs=2e-11)
        assert found[place].above == place - 1


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1e-4])
def test_a_collapsed_network_is_counted(spread, monkeypatch, caplog):
    # Every embedding (nearly) the same: cosines differ by spread^2, which float32 can't tell from none.
    generator = np.random.default_rng(0)
    own, others = (np.ones((count, 8)) + spread * generator.standard_normal((count, 8)) for count in (12, 30))
    ids = np.arange(12) // 3
    monkeypatch.setattr(highest_impostors, "MOST_DOUBTFUL", 5)
    with caplog.at_level("INFO"):
        check(own_pairs(own, ids, others), *own_scores(own, ids, others))
    assert "collapsed" in caplog.text


def test_a_copy_of_a_genuine_image_among_the_distractors_is_as_high():
    # Equal to the last bit, in any tile: at rate 0 the genuine pair isn't above the threshold that its copy sets.
    generator = np.random.default_rng(3)
    for _ in range(20):
        query, noise, *others = generator.standard_normal((52, 300)).astype(np.float32)
        match = query + noise
        pairs = search_pairs(query[None], [1], [0], np.stack([match, *others, match]), [1, *[0] * 51], [1] * 52)
        for tile in ((1, 1), (1, 7), (1024, 4096)):
            assert verify_embeddings(pairs, [0.0, 0.02], tile=tile).tar == {0.0: 0.0, 0.02: 1.0}


def test_lengths_and_types_do_not_matter():
    own, ids, others = own_set(5, ties=False)
    expected = verify_embeddings(own_pairs(own, ids, others), RATES)
    tiny, huge = (own.astype(np.float64) * factor for factor in (1e-60, 1e60))
    for same in (torch.from_numpy(own), own * np.float32(2**-140), tiny, huge):
        found = verify_embeddings(own_pairs(same, torch.from_numpy(ids), torch.from_numpy(others)), RATES)
        assert found.tar == expected.tar
    halves = own.astype(np.float16)
    assert verify_embeddings(own_pairs(torch.from_numpy(halves).bfloat16(), ids, others), 1.0).tar == {1.0: 1.0}


def test_the_whole_matrix_never_exists():
    generator = np.random.default_rng(0)
    own, others = (generator.standard_normal((count, 4)).astype(np.float32) for count in (3000, 30_000))
    pairs = own_pairs(own, np.arange(3000) // 2, others)  # 90 million scores: 360 MB in float32
    tracemalloc.start()
    verify_embeddings(pairs, 1e-5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120 * 2**20


def test_refuses_sets_without_pairs():
    with pytest.raises(ValueError, match="at least one genuine pair, found none"):
        verify_embeddings(own_pairs(np.eye(2), [1, 2], np.eye(2)), 0.1)
    with pytest.raises(ValueError, match="at least one impostor pair, found none"):
        verify_embeddings(own_pairs(np.eye(2), [1, 1], np.zeros((0, 2))), 0.1)
    with pytest.raises(ValueError, match="far must be between 0 and 1, found 2"):
        verify_embeddings(own_pairs(np.eye(2), [1, 1], np.eye(2)), 2)
