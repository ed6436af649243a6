"""Listed pairs: scores, accuracy over folds, and TAR@FAR."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.evaluation.face_verification import best_threshold, fold_accuracy, listed_scores, listed_verification

# Two folds, each with two genuine pairs and two impostors.
SCORES = np.array([0.9, 0.4, 0.5, 0.1, 0.8, 0.6, 0.3, 0.2])
GENUINE = np.array([True, True, False, False, True, True, False, False])
FOLD = np.array([0, 0, 0, 0, 1, 1, 1, 1])


def test_accuracy_by_hand():
    # Fold 0 by fold 1's threshold (0.6 + 0.3) / 2 = 0.45: 0.4 is refused and 0.5 accepted, both wrongly: 2 of 4.
    # Fold 1 by fold 0's: accepting 1 or 3 is right for 3 of 4; the higher threshold is (0.9 + 0.5) / 2 = 0.7, which
    # refuses 0.6: 3 of 4.
    assert best_threshold(SCORES[4:], GENUINE[4:]) == pytest.approx(0.45)
    assert best_threshold(SCORES[:4], GENUINE[:4]) == pytest.approx(0.7)
    assert fold_accuracy(SCORES, GENUINE, FOLD) == pytest.approx((2 / 4 + 3 / 4) / 2)


def test_folds_count_alike_whatever_their_size():
    # One more pair in fold 1, judged rightly (0.1 is refused at 0.7): 2/4 and 4/5. In fold 0 nothing changes.
    found = fold_accuracy(np.append(SCORES, 0.1), np.append(GENUINE, False), np.append(FOLD, 1))
    assert found == pytest.approx((2 / 4 + 4 / 5) / 2)


@pytest.mark.parametrize(
    ("scores", "genuine", "threshold"),
    [
        ([0.5, 0.5], [True, False], np.inf),  # can't be told apart: accepting both is no better than none
        ([0.5, 0.5, 0.5], [True, True, False], -np.inf),
        ([0.2, 0.1], [False, False], np.inf),
        ([0.2, 0.1], [True, True], -np.inf),
        ([0.4, 0.4, 0.2, 0.2], [True, True, False, False], 0.3),
    ],
)
def test_thresholds_at_the_edges(scores: list[float], genuine: list[bool], threshold: float):
    assert best_threshold(np.array(scores), np.array(genuine)) == pytest.approx(threshold)


@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=12))
def test_no_threshold_is_better(pairs: list[tuple[int, bool]]):
    scores, genuine = np.array([score / 4 for score, _ in pairs]), np.array([is_genuine for _, is_genuine in pairs])
    best = max(np.mean((scores > step / 8) == genuine) for step in range(-9, 10))
    assert np.mean((scores > best_threshold(scores, genuine)) == genuine) == best


def test_one_fold_has_no_other_to_learn_from():
    with pytest.raises(ValueError, match=r"expected at least two folds, .*; found 1"):
        fold_accuracy(SCORES, GENUINE, np.zeros(8, dtype=int))
    with pytest.raises(ValueError, match=r"expected one shape \(pairs,\), found \(8,\), \(8,\) and \(7,\)"):
        fold_accuracy(SCORES, GENUINE, FOLD[1:])


def test_scores_are_cosines_of_features_of_any_length():
    features = np.array([[3.0, 4.0], [2.0, 0.0], [0.0, 0.5], [0.0, 0.0]])
    found = listed_scores(features, np.array([0, 0, 1, 3]), np.array([1, 2, 1, 0]))
    assert found == pytest.approx([0.6, 0.8, 1.0, 0.0])


def test_scores_do_not_depend_on_how_many_are_asked_for():
    generator = np.random.default_rng(0)
    features = generator.standard_normal((50, 64)).astype(np.float32)
    first, second = generator.integers(0, 50, (2, 5000))
    together = listed_scores(features, first, second)
    assert together.tolist() == [*listed_scores(features, first[:3], second[:3]), *together[3:]]
    assert together[4321] == listed_scores(features, first[4321:4322], second[4321:4322])[0]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [([0], [2], "expected places 0 to 1"), ([-1], [0], "expected places 0 to 1"), ([0, 1], [0], "as many first")],
)
def test_pairs_that_do_not_fit(first: list[int], second: list[int], said: str):
    with pytest.raises(ValueError, match=said):
        listed_scores(np.eye(2), np.array(first), np.array(second))


def test_tar_by_hand():
    # Impostors fall 0.5 0.3 0.2 0.1; genuine 0.9 0.8 0.6 0.4. FAR 0.25 accepts one: above 0.3 are all four.
    # FAR 0.1 is less than one of four impostors: left out.
    assert listed_verification(SCORES, GENUINE, (0.1, 0.25)) == {
        "TAR@FAR=2.5e-1": 100.0,
        "genuine_pairs": 4,
        "impostor_pairs": 4,
    }
    shifted = np.where(GENUINE, SCORES - 0.35, SCORES)  # 0.55 0.45 0.25 0.05: two are above 0.3
    assert listed_verification(shifted, GENUINE, (0.25,))["TAR@FAR=2.5e-1"] == 50.0


def test_without_one_kind_of_pairs_there_are_only_counts():
    assert listed_verification(SCORES[:2], GENUINE[:2], (0.5,)) == {"genuine_pairs": 2, "impostor_pairs": 0}
    assert listed_verification(SCORES[2:4], GENUINE[2:4], (0.5,)) == {"genuine_pairs": 0, "impostor_pairs": 2}
