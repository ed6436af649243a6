"""TAR@FAR of score arrays against pencil and paper, and against trying every threshold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.evaluation import verify, verify_scores
from tests.evaluation.open_set_oracle import best_rate

GENUINE = [0.9, 0.8, 0.75, 0.6, 0.3]  # the specification's example A9
IMPOSTOR = [0.7, 0.65, 0.5, 0.4, 0.35, 0.2, 0.1, 0.0, -0.1, -0.2]
RATES = (0.0, 0.05, 0.1, 0.2, 0.3)

scores = st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 0.75]) | st.floats(-1, 1), min_size=1, max_size=30)


def test_worked_example():
    found = verify_scores(GENUINE, IMPOSTOR, RATES)
    assert found.threshold == dict(zip(RATES, (0.7, 0.7, 0.65, 0.5, 0.4), strict=True))
    assert found.tar == dict(zip(RATES, (0.6, 0.6, 0.6, 0.8, 0.8), strict=True))
    assert found.realised == dict(zip(RATES, (0, 0, 0.1, 0.2, 0.3), strict=True))
    assert (found.genuine, found.impostors) == (5, 10)


def test_order_of_scores_does_not_matter():
    generator = np.random.default_rng(0)
    assert verify_scores(generator.permutation(GENUINE), generator.permutation(IMPOSTOR), RATES) == verify_scores(
        GENUINE, IMPOSTOR, RATES
    )


def test_a_number_gives_a_number_and_an_array_an_array():
    assert type(verify(GENUINE, IMPOSTOR, 0.2)) is float
    assert verify(GENUINE, IMPOSTOR, 0.2) == 0.8
    assert type(verify(GENUINE, IMPOSTOR, np.array(0.2))) is float
    assert verify(GENUINE, IMPOSTOR, [[0.3, 0.0], [0.3, 0.1]]).tolist() == [[0.8, 0.6], [0.8, 0.6]]


def test_a_rate_in_float32_means_what_it_says():
    # 0.7 in float32 is 0.699999988; seven of ten impostors may be accepted, not six: the threshold is 0, not .1.
    assert verify_scores(GENUINE, IMPOSTOR, np.float32(0.7)).threshold == {0.7: 0.0}


def test_everything_is_accepted_where_all_impostors_may_be():
    found = verify_scores(GENUINE, [2.0, 3.0], 1.0)
    assert (found.tar, found.threshold, found.realised) == ({1.0: 1.0}, {1.0: -math.inf}, {1.0: 1.0})


def test_a_score_equal_to_the_threshold_is_rejected():
    # One of four impostors may be accepted, but accepting .5 would accept three.
    found = verify_scores([0.5, 0.6], [0.5, 0.5, 0.5, 0.1], 0.25)
    assert (found.tar[0.25], found.threshold[0.25], found.realised[0.25]) == (0.5, 0.5, 0.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_takes_torch_of_any_float_type(dtype):
    genuine, impostor = (torch.tensor(side, dtype=dtype, requires_grad=True) for side in (GENUINE, IMPOSTOR))
    assert verify(genuine, impostor, torch.tensor([0.0, 0.2])).tolist() == [0.6, 0.8]


def test_float32_and_float64_scores_compare_as_they_are():
    # 0.1 in float32 is a little more than in float64, and so is above it.
    assert verify(np.array([0.1], np.float32), np.array([0.1]), 0.0) == 1.0
    assert verify(np.array([0.1]), np.array([0.1], np.float32), 0.0) == 0.0


@settings(deadline=None)
@given(scores, scores, st.floats(0, 1))
def test_no_threshold_within_the_rate_accepts_more(genuine, impostor, far):
    found = verify_scores(genuine, impostor, far)
    assert found.tar[far] == best_rate(genuine, impostor, far)
    assert found.realised[far] == np.mean(np.array(impostor) > found.threshold[far])
    assert found.realised[far] * len(impostor) <= far * len(impostor) + 1e-9


@settings(deadline=None)
@given(scores, scores, st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_a_higher_rate_accepts_no_less(genuine, impostor, rates):
    tars = verify(genuine, impostor, sorted(rates))
    assert (np.diff(tars) >= 0).all()


@pytest.mark.parametrize(
    ("genuine", "impostor", "far", "message"),
    [
        ([], IMPOSTOR, 0.1, "at least one genuine score, found none"),
        (GENUINE, [], 0.1, "at least one impostor score, found none"),
        ([0.1, math.nan], IMPOSTOR, 0.1, "genuine scores hold nan at position 1"),
        (GENUINE, [math.nan], 0.1, "impostor scores hold nan at position 0"),
        (GENUINE, IMPOSTOR, 1.5, "far must be between 0 and 1, found 1.5"),
        (GENUINE, IMPOSTOR, [0.1, -1e-3], "far must be between 0 and 1, found -0.001"),
        (GENUINE, IMPOSTOR, math.nan, "far must be between 0 and 1, found nan"),
        (GENUINE, IMPOSTOR, [], "at least one far, found none"),
    ],
)
def test_refuses(genuine, impostor, far, message):
    with pytest.raises(ValueError, match=message):
        verify(genuine, impostor, far)
