"""Ranks, ties, minimum widths and alive masks."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedreid.pruning.selection import (
    candidates,
    minimum_width,
    removal_order,
    smallest,
    survivors,
    uniform_removal,
    whole,
)

TWO = {"a": torch.tensor([3.0, 1.0, 2.0]), "b": torch.tensor([0.5, 9.0, 1.0])}


def test_equal_scores_go_by_index():
    assert removal_order(torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0])).tolist() == [1, 3, 0, 2, 4]


def test_many_equal_scores_go_by_index():
    """A sort that isn't stable gets short lists right by chance."""
    assert removal_order(torch.zeros(2000)).tolist() == list(range(2000))


def test_a_score_that_is_no_number_has_no_rank():
    with pytest.raises(ValueError, match="1 of 2 scores"):
        removal_order(torch.tensor([math.nan, 1.0]))


@pytest.mark.parametrize(("width", "expected"), [(1, 1), (9, 1), (10, 1), (19, 1), (20, 2), (64, 6), (2048, 204)])
def test_a_tenth_stays(width, expected):
    assert minimum_width(width) == expected


def test_shares_are_not_lost_to_rounding():
    """10 times .3 is 3, and 100 times .29 is 28.999999999999996 in floats."""
    assert whole(10 * 0.3) == 3
    assert uniform_removal({"a": 100}, 0.29) == {"a": 29}
    assert whole(2.9999) == 2


def test_uniform_removal_rounds_down_in_every_group():
    assert uniform_removal({"stem": 64, "inner": 3}, 0.3) == {"stem": 19, "inner": 0}


@pytest.mark.parametrize("rate", [-0.1, 1.0, math.nan])
def test_uniform_removal_refuses_to_empty_a_layer(rate):
    with pytest.raises(ValueError, match=f"found {rate}"):
        uniform_removal({"a": 4}, rate)


def test_survivors_are_in_their_old_order():
    assert survivors(torch.tensor([5.0, 1.0, 4.0, 0.0, 3.0]), 2).tolist() == [0, 2, 4]


@pytest.mark.parametrize("removed", [3, -1])
def test_survivors_refuses_to_take_the_last_channel(removed):
    with pytest.raises(ValueError, match=f"can't remove {removed} of 3"):
        survivors(torch.zeros(3), removed)


def test_the_smallest_of_all_groups_in_order():
    assert smallest(TWO, 3, floors={"a": 1, "b": 1}) == [("b", 0), ("a", 1), ("b", 2)]


def test_ties_between_groups_go_to_the_earlier_one():
    scores = {"late": torch.ones(2), "early": torch.ones(3)}
    assert smallest(scores, 4, floors={"late": 1, "early": 1}) == [("late", 0), ("early", 0), ("early", 1)]


def test_the_best_channels_leave_the_list_before_it_is_ranked():
    """Group b keeps two whatever its scores: three of all the others can't be found, two can."""
    assert smallest(TWO, 3, floors={"a": 2, "b": 2}) == [("b", 0), ("a", 1)]


def test_an_infinite_score_is_no_candidate():
    scores = {"a": torch.tensor([math.inf, 1.0, math.inf])}
    assert smallest(scores, 3, floors={"a": 1}) == [("a", 1)]


def test_the_dead_neither_go_again_nor_count_as_kept():
    scores, alive = torch.tensor([0.0, 5.0, 9.0, 1.0, 0.0]), torch.tensor([False, True, False, True, True])
    assert candidates(scores, 1, alive).tolist() == [4, 3]
    assert candidates(scores, 2, alive).tolist() == [4]
    assert candidates(scores, 3, alive).tolist() == []


def test_a_living_channel_may_score_zero():
    """A BatchNorm that starts at zero scores 0 everywhere: nothing of it is dead."""
    assert candidates(torch.zeros(3), 1).tolist() == [0, 1]


def test_a_dead_channel_may_score_anything():
    alive = torch.tensor([False, True, True])
    assert candidates(torch.tensor([math.nan, 2.0, 1.0]), 1, alive).tolist() == [2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 0}, "at least 1 channel"),
        ({"floors": {"a": 1}}, "no minimum width for b"),
        ({"floors": {"a": 1, "b": 0}}, "found a minimum of 0"),
        ({"alive": {"a": torch.ones(2, dtype=torch.bool)}}, "expected \\(3,\\) booleans, found \\(2,\\)"),
        ({"alive": {"a": torch.ones(3)}}, "booleans"),
    ],
)
def test_refuses_what_makes_no_selection(change, message):
    with pytest.raises(ValueError, match=message):
        smallest(TWO, **{"count": 1, "floors": {"a": 1, "b": 1}} | change)


@given(
    groups=st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=1, max_size=4),
    count=st.integers(1, 12),
    floor=st.integers(1, 3),
)
def test_exactly_the_smallest_go_and_every_group_keeps_its_floor(groups, count, floor):
    scores = {str(number): torch.tensor(group, dtype=torch.float32) for number, group in enumerate(groups)}
    chosen = smallest(scores, count, floors=dict.fromkeys(scores, floor))
    free = []
    for number, group in enumerate(groups):
        ranked = sorted(range(len(group)), key=lambda index: (group[index], index))
        free += [(group[index], number, index) for index in ranked[: max(0, len(group) - floor)]]
    assert chosen == [(str(number), index) for _, number, index in sorted(free)[:count]]
