"""Identification from embeddings against probes one by one, and the independence of how many are searched at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.evaluation import identify_embeddings, identify_scores, own_probes
from tests.evaluation.open_set_made_up import features
from tests.evaluation.open_set_oracle import cosine, identified

RATES = (0.0, 0.05, 0.2, 0.5, 1.0)
seeds = st.integers(0, 2**32 - 1)


def made_up(seed: int, *, ties: bool):
    """(training features and ids, own features and ids, others); one training image each, and somebody known asks."""
    generator = np.random.default_rng(seed)
    people = np.arange(3, 3 + generator.integers(1, 5))
    count = int(generator.integers(1, 12))
    ids = np.concatenate([[3], generator.integers(3, 9, count - 1)])
    return (
        features(generator, len(people), ties=ties),
        people,
        features(generator, count, ties=ties),
        ids,
        features(generator, int(generator.integers(1, 15)), ties=ties),
    )


@settings(deadline=None)
@given(seeds, st.booleans())
def test_probe_by_probe(seed, ties):
    training, people, own, ids, others = made_up(seed, ties=ties)
    is_known = ids < 3 + len(people)
    strangers = [*own[~is_known], *others]
    found = identify_embeddings(own_probes(training, people, own, ids, others), RATES)
    assert (found.mated, found.non_mated) == (is_known.sum(), len(strangers))
    for rate in RATES:
        expected = identified(training, own[is_known], ids[is_known] - 3, strangers, rate)
        assert found.tpir[rate] == pytest.approx(expected, abs=1e-12)
        assert found.realised[rate] * len(strangers) <= rate * len(strangers) + 1e-9


@settings(deadline=None)
@given(seeds, st.booleans(), st.sampled_from(["standard", "pooled"]), st.integers(1, 30))
def test_how_many_at_once_changes_nothing(seed, ties, mode, at_once):
    probes = own_probes(*made_up(seed, ties=ties))
    expected = identify_embeddings(probes, RATES, mode=mode)
    assert identify_embeddings(probes, RATES, mode=mode, at_once=at_once) == expected


@settings(deadline=None)
@given(seeds, st.booleans())
def test_pooled_agrees_with_whole_tables_of_scores(seed, ties):
    training, people, own, ids, others = made_up(seed, ties=ties)
    is_known = ids < 3 + len(people)
    mated, strangers = (
        [[cosine(probe, entry) for entry in training] for probe in probes]
        for probes in (own[is_known], [*own[~is_known], *others])
    )
    found = identify_embeddings(own_probes(training, people, own, ids, others), RATES, mode="pooled", at_once=5)
    assert found.tpir == identify_scores(mated, ids[is_known] - 3, strangers, RATES, mode="pooled").tpir


def test_a_plain_mean_scores_lower_than_a_renormalised_one():
    # One person at 0 (from 60 and -60 degrees: a mean of length 1/2), one at 90. The probe at 40 degrees is nearer to
    # the first: cos 40 = .77 against cos 50 = .64; but half of .77 is less.
    training = np.array([[0.5, np.sqrt(0.75)], [0.5, -np.sqrt(0.75)], [0.0, 1.0]])
    probe, stranger = np.array([[np.cos(np.deg2rad(40)), np.sin(np.deg2rad(40))]]), np.array([[-1.0, -1.0]])
    tpir = [
        identify_embeddings(own_probes(training, [1, 1, 2], probe, [1], stranger, renormalise=renormalise), 0.0).tpir
        for renormalise in (True, False)
    ]
    assert tpir == [{0.0: 1.0}, {0.0: 0.0}]
