"""Progressive soft pruning: the schedule of spec oracle O6, filters that come back, and an exact end."""

from __future__ import annotations

import math
from collections import OrderedDict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.criteria import l1, l2
from fedreid.pruning.maps import tensor_map
from fedreid.pruning.schedules import ProgressiveRate, psfp, soft_pruned
from fedreid.pruning.schedules.recovery import held_back
from fedreid.pruning.selection import whole
from fedreid.pruning.slicing import slice_state
from tests.oracles.pruning import O6_EPOCHS, O6_GOAL
from tests.pruning.networks import MINI_GROUPS, MiniResidual
from tests.pruning.small_nets import (
    CHAIN_GROUPS,
    CHAIN_SIZE,
    cross_entropy,
    labelled,
    trained_chain,
)

DATA = labelled(2, CHAIN_SIZE, 4)


def test_schedule_of_the_oracle():
    rate = ProgressiveRate(O6_GOAL, O6_EPOCHS)
    assert math.exp(-rate.k * O6_EPOCHS / 8) == pytest.approx(0.250011448, abs=5e-10)
    assert rate.k == pytest.approx(0.693124285, abs=5e-10)
    assert rate.b == pytest.approx(0.400006106, abs=5e-10)
    found = [rate(epoch) for epoch in (0, 1, 2, 3, 4, 8, 16)]
    assert found == pytest.approx([0, 0.199998, 0.300000, 0.350002, 0.375003, 0.398443, 0.4], abs=5e-7)
    assert [whole(64 * rate(epoch)) for epoch in (1, 2, 3, 4, 8, 16)] == [12, 19, 22, 24, 25, 25]


def test_schedule_of_the_oracle_with_a_slower_start():
    rate = ProgressiveRate(O6_GOAL, O6_EPOCHS, decay=0.25)
    assert rate.k == pytest.approx(0.343515781, abs=5e-10)
    assert rate.b == pytest.approx(0.401647605, abs=5e-10)
    assert rate(4) == pytest.approx(0.3, abs=1e-12)


@given(goal=st.floats(0.01, 0.99), epochs=st.integers(1, 500), decay=st.floats(0.01, 0.74))
def test_schedule_passes_three_quarters_and_the_goal_and_never_falls(goal, epochs, decay):
    rate = ProgressiveRate(goal, epochs, decay)
    assert rate(0) == 0
    assert rate(decay * epochs) == pytest.approx(0.75 * goal, rel=1e-6)
    assert rate(epochs) == pytest.approx(goal, rel=1e-12)
    points = [rate(epochs * share / 20) for share in range(21)]
    assert points == sorted(points)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goal": 1.0}, "found 1.0"),
        ({"goal": -0.1}, "found -0.1"),
        ({"epochs": 0}, "at least 1 epoch, found 0"),
        ({"decay": 0.0}, "below 0.75, found 0.0"),
        ({"decay": 0.75}, "below 0.75, found 0.75"),
    ],
)
def test_schedule_refuses_what_gives_no_curve(change, message):
    with pytest.raises(ValueError, match=message):
        ProgressiveRate(**{"goal": 0.4, "epochs": 16} | change)


def test_schedule_refuses_an_epoch_behind_its_end():
    with pytest.raises(ValueError, match="from 0 to 16, found 17"):
        ProgressiveRate(0.4, 16)(17)


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train(model: nn.Module, optimiser: torch.optim.Optimizer, epoch: int) -> None:
    model.train()
    for batch in DATA:
        optimiser.zero_grad()
        cross_entropy(model, batch).backward()
        optimiser.step()


def pruned(train_epoch=train, **options):
    options = {"goal": 0.5, "epochs": 4, "architecture": "chain"} | options
    return psfp(trained_chain(), CHAIN_GROUPS, train_epoch, sgd, **options)


class Watcher:
    """Notes which filters of the chain's first layer are zero before an epoch's training, and which after it."""

    def __init__(self) -> None:
        self.before: list[set[int]] = []
        self.after: list[set[int]] = []
        self.states: list[dict[str, torch.Tensor]] = []

    def __call__(self, model: nn.Module, optimiser: torch.optim.Optimizer, epoch: int) -> None:
        self.before.append(zeros(model))
        train(model, optimiser, epoch)
        self.after.append(zeros(model))
        self.states.append({key: value.clone() for key, value in model.state_dict().items()})


def zeros(model: nn.Module) -> set[int]:
    return set((model[0].weight.flatten(1).abs().sum(1) == 0).nonzero().flatten().tolist())


def test_a_zeroed_filter_is_free_to_come_back():
    """β is above 0 in this network, so a gradient gets through the rectifier to the filters that were zero."""
    watcher = Watcher()
    result = pruned(watcher)
    soft = [set(step.removed["first"]) for step in result.steps if step.event == "soft zero"]
    assert watcher.before == [set(), *soft[:-1]]
    assert all(len(zeroed) > 0 for zeroed in soft)
    assert watcher.after == [set()] * 4


def test_a_filter_that_recovered_stays():
    """Training makes the zeroed filters the longest: the next epoch zeroes others."""

    def revive(model: nn.Module, optimiser: torch.optim.Optimizer, epoch: int) -> None:
        with torch.no_grad():
            for layer in (0, 3):
                weight = model[layer].weight
                weight[weight.flatten(1).abs().sum(1) == 0] = 10.0 * epoch

    result = pruned(revive, goal=0.25, epochs=2)
    first, second = (set(step.removed["first"]) for step in result.steps[:2])
    assert len(first) >= 2
    assert not first & second
    assert not set(result.channel_map.kept["first"]) & second


@pytest.mark.parametrize("is_bounded", [True, False])
def test_what_comes_back_does_not_outgrow_what_was_trained(is_bounded):
    """Behind a filter of zeros BatchNorm divides by the root of its epsilon, and multiplies the gradient by as much."""
    watcher = Watcher()
    pruned(watcher, epochs=2, bound_recovery=is_bounded)
    lengths = l2(watcher.states[1]["0.weight"])
    revived = sorted(watcher.before[1])
    others = [index for index in range(12) if index not in revived]
    assert (lengths[revived].max() < lengths[others].min()).item() == is_bounded
    assert lengths[revived].min() > 0


def test_gradients_of_zeroed_filters_are_as_long_as_the_others_at_most():
    """Lengths 1 and 3 of the others, 2 on average; of the zeroed ones 100 and 1.5. Then they are free again."""
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 4, 1, bias=False)))
    slopes = torch.tensor([[1.0, 0], [60, 80], [0, 3], [1.5, 0]]).reshape(4, 2, 1, 1)
    group = ChannelGroup("conv", 4, ("conv",), ("behind",))
    with held_back(model, [group], {"conv": [1, 3]}, frozen=False, bounded=True):
        (model.conv.weight * slopes).sum().backward()
    expected = torch.tensor([[1.0, 0], [1.2, 1.6], [0, 3], [1.5, 0]])
    torch.testing.assert_close(model.conv.weight.grad.flatten(1), expected)
    model.zero_grad()
    (model.conv.weight * slopes).sum().backward()
    assert torch.equal(model.conv.weight.grad, slopes)


def test_frozen_filters_stay_at_zero_through_the_epoch():
    watcher = Watcher()
    pruned(watcher, freeze_pruned=True)
    assert watcher.after == watcher.before
    assert len(watcher.after[-1]) > 0


@pytest.mark.parametrize("criterion", ["l1", "l2", "fpgm"])
def test_the_end_is_the_slice_of_the_map(criterion):
    watcher = Watcher()
    result = pruned(watcher, criterion=criterion)
    expected = slice_state(watcher.states[-1], tensor_map(CHAIN_GROUPS, result.channel_map))
    assert all(torch.equal(value, expected[key]) for key, value in result.model.state_dict().items())
    assert result.channel_map.kept_widths == {"first": 6, "second": 8}
    assert result.steps[-1].removed == result.steps[-2].removed  # what was zero is what went


@pytest.mark.parametrize(("criterion", "score"), [("l1", l1), ("l2", l2)])
def test_the_lowest_filters_after_training_go(criterion, score):
    watcher = Watcher()
    result = pruned(watcher, criterion=criterion)
    ranked = sorted(range(12), key=lambda index: score(watcher.states[-1]["0.weight"])[index].item())
    assert result.channel_map.kept["first"] == tuple(sorted(ranked[6:]))


def test_a_group_goes_to_zero_in_all_its_convolutions():
    model = MiniResidual()
    softened, chosen = soft_pruned(model, MINI_GROUPS, 0.5)
    assert {name: len(indices) for name, indices in chosen.items()} == {"conv1": 2, "conv_a": 1, "conv_c": 2}
    for layer in ("conv1", "conv_b"):
        lengths = softened.get_submodule(layer).weight.flatten(1).abs().sum(1)
        assert set((lengths == 0).nonzero().flatten().tolist()) == set(chosen["conv1"])
    for key, value in softened.state_dict().items():  # nothing but these weights
        if key not in ("conv1.weight", "conv_a.weight", "conv_b.weight", "conv_c.weight"):
            assert torch.equal(value, model.state_dict()[key])
    assert model.conv1.weight.flatten(1).abs().sum(1).min() > 0


@pytest.mark.parametrize("reset", [True, False])
def test_momentum_of_zeroed_filters(reset):
    found = []

    def watch(model: nn.Module, optimiser: torch.optim.Optimizer, epoch: int) -> None:
        if epoch == 2:
            found.append(optimiser.state[model[0].weight]["momentum_buffer"].flatten(1).abs().sum(1) == 0)
        train(model, optimiser, epoch)

    result = pruned(watch, epochs=2, reset_momentum=reset)
    forgotten = set(found[0].nonzero().flatten().tolist())
    assert forgotten == (set(result.steps[0].removed["first"]) if reset else set())


def test_goals_by_group_and_recalibration_at_the_end():
    widths = []
    result = pruned(goal={"first": 0.25, "second": 0.0}, recalibrate=lambda model: widths.append(model[0].out_channels))
    assert result.channel_map.kept_widths == {"first": 9, "second": 16}
    assert widths == [9]


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_soft_step_refuses_a_rate_that_is_no_share(rate):
    with pytest.raises(ValueError, match=f"found {rate}"):
        soft_pruned(trained_chain(), CHAIN_GROUPS, rate)


def test_refuses_goals_without_all_groups():
    with pytest.raises(ValueError, match="only one of them has second"):
        pruned(goal={"first": 0.5})
