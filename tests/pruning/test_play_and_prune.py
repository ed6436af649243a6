"""Play-and-Prune: the controller of spec oracle O8, and the loop around it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.schedules import ToleranceController, play_and_prune
from fedreid.pruning.schedules.play_and_prune import below, first_threshold
from fedreid.pruning.schedules.shrinking import Shrinking

GROUPS = (ChannelGroup("only", 6, ("0",), ("1",)),)


def net() -> nn.Sequential:
    """Six filters of one coefficient, 1 to 6; the layer behind sums them."""
    model = nn.Sequential(nn.Conv2d(1, 6, 1, bias=False), nn.Conv2d(6, 1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.arange(1.0, 7).reshape(6, 1, 1, 1))
        model[1].weight.fill_(1)
    return model


def accuracy(model: nn.Module) -> float:
    """The filters' sum, in hundredths: .21 at first."""
    return model[0].weight.sum().item() / 100


def no_training(model, penalty) -> None:
    """In place of training."""


def played(evaluate=accuracy, finetune=no_training, tolerance=0.035, **options):
    with pytest.warns(UserWarning, match="experimental"):
        return play_and_prune(net(), GROUPS, evaluate, finetune, tolerance, architecture="net", **options)


def test_controller_of_the_oracle():
    controller = ToleranceController(0.93, 0.02, threshold=8, penalty=5e-4)
    found = [controller.next(value) for value in (0.93, 0.925, 0.915, 0.905)]
    assert [setting.margin for setting in found] == pytest.approx([0.02, 0.015, 0.005, 0])
    assert [setting.threshold for setting in found] == pytest.approx([8, 6, 2, 0])
    assert [setting.penalty for setting in found] == pytest.approx([5e-4, 3.75e-4, 1.25e-4, 0])
    assert found[-1].margin == 0


@pytest.mark.parametrize("tolerance", [0.0, -0.1])
def test_controller_refuses_no_tolerance(tolerance):
    with pytest.raises(ValueError, match=f"found {tolerance}"):
        ToleranceController(0.9, tolerance, 1.0)
    with pytest.raises(ValueError, match=r"found -1\.0"):
        ToleranceController(0.9, 0.1, -1.0)


def test_first_threshold_is_the_largest_that_is_acceptable():
    """.21 less 1 and 2 hundredths is within .035, less 3 more isn't: filters below 3 may go."""
    network = Shrinking(net(), GROUPS, "net")
    threshold = first_threshold(network, {"only": 1}, lambda model: accuracy(model) >= 0.21 - 0.035)
    assert threshold == pytest.approx(3, abs=1e-6)
    assert network.widths == {"only": 6}


def test_what_is_at_the_threshold_stays():
    assert below(Shrinking(net(), GROUPS, "net"), 3.0, {"only": 1}) == [("only", 0), ("only", 1)]


def test_removes_within_the_tolerance_and_lowers_the_threshold():
    """Filters 1 and 2 go: .18, a margin of .005 of .035 and so a seventh of the threshold, below which nothing is."""
    result = played(iterations=3)
    assert result.channel_map.kept == {"only": (2, 3, 4, 5)}
    assert [step.figures["accuracy"] for step in result.steps] == pytest.approx([0.18] * 3)
    assert result.steps[0].figures["margin"] == pytest.approx(0.005)
    assert result.steps[1].figures["threshold"] == pytest.approx(3 / 7)
    assert result.steps[1].figures["penalty"] == pytest.approx(5e-4 / 7)
    assert len(result.steps) == 3


def test_returns_the_last_network_within_the_tolerance():
    """Training halves all filters in the second iteration, which costs too much: the network before it stays."""
    calls = []

    def finetune(model, penalty) -> None:
        calls.append(len(calls))
        if len(calls) == 2:
            with torch.no_grad():
                model[0].weight.div_(2)

    result = played(finetune=finetune)
    assert len(result.steps) == 2
    assert result.steps[-1].figures["margin"] == 0
    assert result.model[0].weight.flatten().tolist() == [3, 4, 5, 6]


def test_penalises_the_shortest_filters_only():
    """A third of six: filters 1 and 2, whose sum is 3."""
    penalties = []

    def finetune(model, penalty) -> None:
        value = penalty(model)
        penalties.append(value.item())
        value.backward()
        penalties.append(model[0].weight.grad.flatten().tolist())

    played(finetune=finetune, unimportant=1 / 3, penalty=0.5, iterations=1)
    assert penalties == [1.5, [0.5, 0.5, 0, 0, 0, 0]]


def test_keeps_the_minimum_width_whatever_the_tolerance():
    result = played(tolerance=1.0, minimum_share=0.5, iterations=2)
    assert result.channel_map.kept == {"only": (3, 4, 5)}


@pytest.mark.parametrize("wrong", [{"unimportant": 1.0}, {"unimportant": -0.1}, {"iterations": 0}])
def test_refuses_what_makes_no_iteration(wrong):
    with pytest.raises(ValueError, match="expected a share"):
        play_and_prune(net(), GROUPS, accuracy, no_training, 0.1, architecture="net", **wrong)
