"""TPIR@FPIR of score arrays against pencil and paper, and against trying every threshold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.evaluation import identify, identify_scores
from tests.evaluation.open_set_oracle import best_rate

# The specification's example A10: two people in the gallery.
MATED = [(0.80, 0.20), (0.55, 0.60), (0.30, 0.75), (0.10, 0.40)]
LABELS = [0, 0, 1, 1]
NON_MATED = [
    (0.50, 0.45), (0.35, 0.10), (0.30, 0.65), (0.20, 0.15), (0.05, 0.25),
    (0.12, 0.02), (0.33, 0.31), (0.01, -0.1), (-0.2, 0.22), (0.18, 0.07),
]  # fmt: skip


def test_worked_example():
    rates = (0.0, 0.1, 0.2, 0.3)
    found = identify_scores(MATED, LABELS, NON_MATED, rates)
    assert found.threshold == dict(zip(rates, (0.65, 0.50, 0.35, 0.33), strict=True))
    assert found.tpir == dict(zip(rates, (0.5, 0.5, 0.75, 0.75), strict=True))
    assert found.realised == dict(zip(rates, (0, 0.1, 0.2, 0.3), strict=True))
    assert (found.mated, found.non_mated) == (4, 10)


def test_worked_example_without_the_others_in_the_gallery():
    # The published TPIR without the rank-1 condition: hide each probe's wrong entry.
    alone = [(0.80, -1), (0.55, -1), (-1, 0.75), (-1, 0.40)]
    assert identify(alone, LABELS, NON_MATED, [0, 0.1, 0.2, 0.3]).tolist() == [0.5, 0.75, 1.0, 1.0]


def test_worked_example_pooled():
    rates = (0.05, 0.1, 0.2, 0.3)
    found = identify_scores(MATED, LABELS, NON_MATED, rates, mode="pooled")
    assert found.threshold == dict(zip(rates, (0.65, 0.60, 0.50, 0.35), strict=True))
    assert found.tpir == dict(zip(rates, (0.5, 0.5, 0.75, 1.0), strict=True))
    # Above .65 and .6 are 0 and 1 strangers; above .5 only the one at .65, since .5 isn't above itself; above .35 two.
    assert found.realised == dict(zip(rates, (0.0, 0.1, 0.1, 0.2), strict=True))


def test_pooled_at_rate_zero_takes_the_highest_wrong_score():
    assert identify_scores(MATED, LABELS, NON_MATED, 0.0, mode="pooled").threshold == {0.0: 0.65}


def test_pooled_with_fewer_wrong_scores_than_allowed_accepts_everything():
    # A gallery of one: mated probes have no wrong entry, so the pool has one score and both probes may err.
    found = identify_scores([[0.1]], [0], [[0.9]], [0.5, 1.0], mode="pooled")
    assert found.threshold == {0.5: 0.9, 1.0: -math.inf}
    assert found.tpir == {0.5: 0.0, 1.0: 1.0}


def test_a_tie_at_the_top_is_no_identification():
    assert identify([[0.9, 0.9], [0.8, 0.7]], [0, 0], [[0.1, 0.2]], 0.0) == 0.5
    assert identify([[0.9, 0.9], [0.8, 0.7]], [1, 0], [[0.1, 0.2]], 1.0) == 0.5


def test_a_gallery_of_one_is_always_right():
    assert identify([[0.9], [0.3]], [0, 0], [[0.5]], [0.0, 1.0]).tolist() == [0.5, 1.0]


def test_a_number_gives_a_number_and_an_array_an_array():
    assert type(identify(MATED, LABELS, NON_MATED, 0.2)) is float
    assert identify(MATED, LABELS, NON_MATED, [[0.2], [0.0]]).tolist() == [[0.75], [0.5]]


def test_takes_torch():
    mated, labels, non_mated = torch.tensor(MATED), torch.tensor(LABELS), torch.tensor(NON_MATED)
    assert identify(mated, labels, non_mated, torch.tensor([0.0, 0.2])).tolist() == [0.5, 0.75]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(0, 1))
def test_no_threshold_within_the_rate_identifies_more(seed, people, fpir):
    generator = np.random.default_rng(seed)
    mated = generator.integers(-4, 5, (generator.integers(1, 12), people)) / 4
    strangers = generator.integers(-4, 5, (generator.integers(1, 12), people)) / 4
    labels = generator.integers(0, people, len(mated))
    own = [
        row[label] if all(row[label] > np.delete(row, label)) else -np.inf
        for row, label in zip(mated, labels, strict=True)
    ]
    found = identify_scores(mated, labels, strangers, fpir)
    assert found.tpir[fpir] == best_rate(own, strangers.max(axis=1), fpir)
    assert found.realised[fpir] * len(strangers) <= fpir * len(strangers) + 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mated_scores": np.zeros((0, 2)), "mated_labels": []}, "at least one mated score, found none"),
        ({"non_mated_scores": np.zeros((0, 2))}, "at least one non-mated score, found none"),
        ({"mated_scores": [0.1, 0.2]}, r"mated scores must be \(probes, gallery\), found shape \(2,\)"),
        ({"non_mated_scores": [[0.1, 0.2, 0.3]]}, "for a gallery of 2, non-mated ones of 3"),
        ({"mated_labels": [0, 0, 1]}, r"must be 4 integers, one for each probe; found int64 of shape \(3,\)"),
        ({"mated_labels": [0.0, 0.0, 1.0, 1.0]}, "must be 4 integers, one for each probe; found float64"),
        ({"mated_labels": [0, 0, 1, 2]}, "mated labels must be 0 to 1, columns of the gallery; found 2"),
        ({"mated_labels": [0, 0, 1, -1]}, "found -1"),
        ({"non_mated_scores": [[0.1, math.nan]]}, "non-mated scores hold nan at position 1"),
        ({"fpir": 2}, "fpir must be between 0 and 1, found 2"),
        ({"mode": "pool"}, "mode must be one of standard, pooled; found 'pool'"),
    ],
)
def test_refuses(changes, message):
    given_ = {"mated_scores": MATED, "mated_labels": LABELS, "non_mated_scores": NON_MATED, "fpir": 0.1}
    with pytest.raises(ValueError, match=message):
        identify(**{**given_, **changes})
