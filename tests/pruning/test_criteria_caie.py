"""CAIE's arithmetic against the numbers of spec oracles O4 and O5."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedreid.pruning.criteria import caie, effective_impact, objectives
from fedreid.pruning.selection import removal_order, smallest
from tests.oracles.pruning import (
    O4_CURRENT,
    O4_LIMITS,
    O4_LOSS,
    O4_MACS_IMPACTS,
    O4_PARAMS_IMPACTS,
    O5_IMPACTS,
    O5_LOSS,
)

PAIRS = [{"macs": macs, "params": params} for macs, params in zip(O4_MACS_IMPACTS, O4_PARAMS_IMPACTS, strict=True)]


def importances(missing: dict[str, float]) -> torch.Tensor:
    """Of the oracle's four channels, each as a group of its own."""
    scores = [
        caie(torch.tensor([loss], dtype=torch.float64), effective_impact(pair, missing))
        for loss, pair in zip(O4_LOSS, PAIRS, strict=True)
    ]
    return torch.cat(scores)


def test_objectives_are_shares_of_what_is_consumed_now():
    found = objectives(O4_CURRENT, O4_LIMITS)
    assert found == pytest.approx({"macs": 0.375, "params": 0.25})
    assert math.hypot(*found.values()) == pytest.approx(0.450694, abs=5e-7)


@pytest.mark.parametrize(
    ("limits", "expected", "order"),
    [
        ({"macs": 50.0}, [0.4, 0.2, 0.75, 0.444444], [1, 0, 3, 2]),
        ({"params": 24.0}, [2.0, 0.6, 0.25, 0.2], [3, 2, 1, 0]),
        (O4_LIMITS, [0.424183, 0.196666, 0.300463, 0.215257], [1, 3, 2, 0]),
    ],
)
def test_importance_of_the_oracle(limits, expected, order):
    found = importances(objectives(O4_CURRENT, limits))
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=5e-7)
    assert removal_order(found).tolist() == order
    assert removal_order(torch.tensor(O4_LOSS)).tolist() == [2, 0, 1, 3], "by loss impacts alone"


def test_effective_impacts_of_the_oracle():
    missing = objectives(O4_CURRENT, O4_LIMITS)
    found = [effective_impact(pair, missing) for pair in PAIRS]
    assert found == pytest.approx([0.009430, 0.030509, 0.009985, 0.037165], abs=5e-7)


def test_a_resource_that_is_met_stops_counting():
    missing = objectives({"macs": 80.0, "params": 23.0}, O4_LIMITS)
    assert missing == {"macs": 0.375, "params": 0.0}
    assert [effective_impact(pair, missing) for pair in PAIRS] == O4_MACS_IMPACTS


def test_one_step_on_the_mini_residual_net():
    missing = {"macs": 0.5, "params": 0.5}
    effective = {name: effective_impact(pair, missing) for name, pair in O5_IMPACTS.items()}
    assert effective == pytest.approx({"conv1": 0.335795, "conv_a": 0.361528, "conv_c": 0.022702}, abs=5e-7)
    losses = {name: torch.tensor(values, dtype=torch.float64) for name, values in O5_LOSS.items()}
    scores = {name: caie(values, effective[name]) for name, values in losses.items()}
    assert [scores["conv_a"][0].item(), scores["conv_c"][0].item(), scores["conv1"][0].item()] == pytest.approx(
        [0.027660, 0.044049, 0.059560], abs=5e-7
    )
    floors = dict.fromkeys(scores, 1)
    assert smallest(scores, 1, floors=floors) == [("conv_a", 0)]
    assert smallest(losses, 1, floors=floors) == [("conv_c", 0)]
    after = objectives({"macs": 23695.0, "params": 246.0}, {"macs": 32911 / 2, "params": 160.0})
    assert after == pytest.approx({"macs": 0.305529, "params": 0.349593}, abs=5e-7)
    again = {
        "conv1": effective_impact({"macs": 5920 / 23695, "params": 54 / 246}, after),
        "conv_c": effective_impact({"macs": 131 / 23695, "params": 9 / 246}, after),
    }
    assert again == pytest.approx({"conv1": 0.329696, "conv_c": 0.031186}, abs=5e-7)


def test_a_channel_that_saves_nothing_is_no_candidate():
    assert caie(torch.zeros(2), 1e-12).tolist() == [math.inf, math.inf]
    assert smallest({"group": caie(torch.zeros(4), 0.0)}, 1, floors={"group": 1}) == []


def test_a_negative_measurement_counts_as_nothing():
    missing = {"latency": 0.3, "macs": 0.4}
    assert effective_impact({"latency": -0.2, "macs": 0.01}, missing) == pytest.approx(0.01 * 0.4 / 0.5)


@given(
    impacts=st.lists(st.floats(1e-6, 1), min_size=2, max_size=2),
    wanted=st.lists(st.floats(0.01, 1), min_size=2, max_size=2),
)
def test_the_projection_is_no_longer_than_the_impacts(impacts, wanted):
    found = effective_impact(dict(zip("ab", impacts, strict=True)), dict(zip("ab", wanted, strict=True)))
    assert 0 < found <= math.hypot(*impacts) * (1 + 1e-12)


def test_with_one_resource_the_effective_impact_is_its_own():
    assert effective_impact({"macs": 0.037, "params": 0.5}, {"macs": 0.2}) == 0.037


def test_refuses_limits_on_what_is_not_counted():
    with pytest.raises(ValueError, match="limits on flops, but what is counted is macs, params"):
        objectives(O4_CURRENT, {"flops": 1.0})
    with pytest.raises(ValueError, match="consumes no macs"):
        objectives({"macs": 0.0}, {"macs": 1.0})


def test_refuses_to_project_on_nothing():
    with pytest.raises(ValueError, match="every constraint is met"):
        effective_impact({"macs": 0.1}, {"macs": 0.0})
    with pytest.raises(ValueError, match="no impact on params"):
        effective_impact({"macs": 0.1}, {"macs": 0.1, "params": 0.2})
