"""CAIE's loop on small networks: the step of spec oracle O5, constraints met, nested tiers, errors before training."""

from __future__ import annotations

from itertools import cycle

import pytest
import torch
from torch import nn

from fedreid.errors import UserError
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.criteria import LossImpacts, caie_scores
from fedreid.pruning.latency_table import LatencyTable
from fedreid.pruning.maps import is_nested, tensor_map
from fedreid.pruning.schedules import CaieOptions, Consumption, caie_loop, loss_impacts
from fedreid.pruning.schedules.descent import descend
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.slicing import slice_state
from tests.oracles.pruning import O5_LOSS
from tests.pruning.networks import MINI_GROUPS, MiniResidual
from tests.pruning.small_nets import (
    CHAIN_GROUPS,
    CHAIN_SIZE,
    cross_entropy,
    labelled,
    trained_chain,
)

QUICK = CaieOptions(batches_per_step=2, channels_per_step=3)
DATA = labelled(4, CHAIN_SIZE, 4)


def costs_of_chain(**options) -> Consumption:
    return Consumption(trained_chain(), CHAIN_GROUPS, CHAIN_SIZE, **options)


def pruned(shares, options=QUICK, **others):
    """The chain, down to these shares (of one tier, or of several)."""
    costs = costs_of_chain()
    limits = [costs.limits(tier) for tier in shares] if isinstance(shares, list) else costs.limits(shares)
    return caie_loop(
        trained_chain(),
        CHAIN_GROUPS,
        cycle(DATA),
        cross_entropy,
        costs,
        limits,
        options=options,
        architecture="chain",
        **others,
    )


def test_the_mini_residual_net_loses_the_channel_of_the_oracle():
    """With the oracle's loss impacts instead of measured ones, the first to go is conv_a's channel 0."""
    model = MiniResidual()
    costs = Consumption(model, MINI_GROUPS, (16, 8))
    assert costs.original == {"macs": 32911, "params": 320}
    seen = []

    def importance(network, missing):
        seen.append((dict(missing), costs.impacts(network.widths)))
        kept = network.channel_map.kept
        losses = {name: torch.tensor([O5_LOSS[name][index] for index in kept[name]]) for name in kept}
        return caie_scores(losses, seen[-1][1], missing)

    result = descend(
        Shrinking(model, MINI_GROUPS, "mini"),
        costs,
        [costs.limits({"macs": 0.5, "params": 0.5})],
        importance,
        count=1,
        floors={"conv1": 1, "conv_a": 1, "conv_c": 1},
    )
    assert result.steps[0].removed == {"conv_a": (0,)}
    assert result.steps[0].figures == {"macs": 23695, "params": 246}
    assert seen[1][0] == pytest.approx({"macs": 0.305529, "params": 0.349593}, abs=5e-7)
    assert seen[1][1]["conv1"] == pytest.approx({"macs": 5920 / 23695, "params": 54 / 246})
    assert seen[1][1]["conv_c"] == pytest.approx({"macs": 131 / 23695, "params": 9 / 246})
    assert all("conv_a" not in step.removed for step in result.steps[1:])


@pytest.mark.parametrize(
    "shares", [{"macs": 0.5}, {"params": 0.4}, {"macs": 0.6, "params": 0.5}, {"macs": 0.3, "params": 0.9}]
)
@pytest.mark.parametrize("exact", [True, False])
def test_every_constraint_is_met_and_the_last_one_by_no_more_than_a_channel(shares, exact):
    options = CaieOptions(batches_per_step=2, channels_per_step=3, exact_last_step=exact)
    costs, result = costs_of_chain(), pruned(shares, options)
    limits, found = costs.limits(shares), costs.amounts(result.channel_map.kept_widths)
    assert all(found[name] < limit for name, limit in limits.items())
    counts = [sum(map(len, step.removed.values())) for step in result.steps]
    assert counts[:-1] == [3] * (len(counts) - 1)
    assert counts[-1] <= 3 if exact else counts[-1] == 3
    if exact:  # with any one channel of the last step back, some limit isn't met
        last = result.steps[-1].removed
        widths = result.channel_map.kept_widths
        fuller = [costs.amounts({**widths, name: widths[name] + 1}) for name in last]
        assert any(any(amounts[name] >= limits[name] for name in limits) for amounts in fuller)


def test_resources_by_hand_at_the_end():
    """Multiplications of the chain: 27 a, 9 a b / 4 and 4 b, at 48, 48 (12 after the stride) and 1 places."""
    result = pruned({"macs": 0.5})
    first, second = (len(result.channel_map.kept[name]) for name in ("first", "second"))
    assert result.steps[-1].figures["macs"] == 27 * first * 48 + 9 * first * second * 12 + 4 * second
    assert (
        result.steps[-1].figures["params"] == 27 * first + 2 * first + 9 * first * second + 2 * second + 4 * second + 4
    )


def test_a_tenth_of_each_group_stays():
    result = pruned({"params": 0.05})
    assert all(width >= 1 for width in result.channel_map.kept_widths.values())
    with pytest.raises(UserError, match="params: asked for less than"):
        pruned({"params": 0.01})


def test_tiers_of_one_descent_lie_inside_each_other():
    costs, shares = costs_of_chain(), [{"macs": 0.8}, {"macs": 0.5}, {"macs": 0.25, "params": 0.3}]
    result = pruned(shares)
    assert len(result.tiers) == 3
    assert is_nested(result.tiers[1], result.tiers[0])
    assert is_nested(result.tiers[2], result.tiers[1])
    assert result.tiers[2] == result.channel_map
    for tier, share in zip(result.tiers, shares, strict=True):
        found = costs.amounts(tier.kept_widths)
        assert all(found[name] < limit for name, limit in costs.limits(share).items())


def test_without_updates_the_network_is_the_slice_of_the_map_bit_for_bit():
    model = trained_chain()
    result = pruned({"macs": 0.5}, CaieOptions(batches_per_step=2, channels_per_step=3, update_while_scoring=False))
    expected = slice_state(model.state_dict(), tensor_map(CHAIN_GROUPS, result.channel_map))
    assert expected.keys() == result.model.state_dict().keys()
    assert all(torch.equal(value, expected[key]) for key, value in result.model.state_dict().items())


def test_updates_train_the_network_and_leave_the_given_one_alone():
    model = trained_chain()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    costs = Consumption(model, CHAIN_GROUPS, CHAIN_SIZE)
    result = caie_loop(
        model,
        CHAIN_GROUPS,
        cycle(DATA),
        cross_entropy,
        costs,
        costs.limits({"macs": 0.8}),
        options=QUICK,
        architecture="c",
    )
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not torch.equal(result.model[8].bias, model[8].bias)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_scoring_is_training():
    """The same mini-batches through a plain SGD loop give the same weights."""
    model, reference = trained_chain(), trained_chain().train()
    loss_impacts(model, CHAIN_GROUPS, iter(DATA), cross_entropy, CaieOptions(batches_per_step=4))
    optimiser = torch.optim.SGD(reference.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    for batch in DATA:
        optimiser.zero_grad()
        cross_entropy(reference, batch).backward()
        optimiser.step()
    for found, expected in zip(model.state_dict().values(), reference.state_dict().values(), strict=True):
        assert torch.equal(found, expected)


def test_loss_impacts_by_hand():
    """Fixed weights; (γ dγ + β dβ)² of each mini-batch, folded as E = .9 E + .1 l from the first value on."""
    options = CaieOptions(batches_per_step=3, update_while_scoring=False)
    found = loss_impacts(trained_chain(), CHAIN_GROUPS, iter(DATA), cross_entropy, options)
    model, expected = trained_chain().train(), None
    for batch in DATA[:3]:
        norm = model[1]
        scale, shift = torch.autograd.grad(cross_entropy(model, batch), (norm.weight, norm.bias))
        impact = (norm.weight * scale + norm.bias * shift).detach() ** 2
        expected = impact if expected is None else 0.9 * expected + 0.1 * impact
    torch.testing.assert_close(found["first"], expected, rtol=1e-5, atol=1e-12)


def test_parameters_of_the_loss_learn_too():
    proxies = nn.Parameter(torch.eye(4))

    def loss(model, batch):
        return nn.functional.cross_entropy(model(batch[0]) @ proxies, batch[1])

    loss_impacts(trained_chain(), CHAIN_GROUPS, iter(DATA), loss, QUICK, also_train=[proxies])
    assert not torch.equal(proxies, torch.eye(4))


def test_latency_as_a_constraint():
    """A table in which a convolution takes a second for each output channel, other layers none; so 12 + 16 seconds."""
    table = LatencyTable("made up", lambda layer: float(layer.outputs) if layer.kind == "conv" else 0.0)
    costs = costs_of_chain(latency=table)
    assert costs.original["latency"] == 28
    assert costs.impacts({"first": 12, "second": 16})["first"]["latency"] == pytest.approx(1 / 28)
    result = caie_loop(
        trained_chain(),
        CHAIN_GROUPS,
        cycle(DATA),
        cross_entropy,
        costs,
        {"latency": 20.5},
        options=QUICK,
        architecture="chain",
    )
    assert sum(result.channel_map.kept_widths.values()) == 20


def test_a_constraint_that_no_channel_helps_is_named():
    """A table in which a convolution takes 2 s, and 1 s below 4 channels: narrow enough it would be fast enough, but
    from 12 and 16 channels a probe of 8 doesn't get there."""
    table = LatencyTable("stairs", lambda layer: (1.0 if layer.outputs < 4 else 2.0) * (layer.kind == "conv"))
    costs, data = costs_of_chain(latency=table), cycle(DATA)
    with pytest.raises(UserError, match=r"no channel is left .*\n  latency: 4,000 ms, must be below 3,000 ms"):
        caie_loop(trained_chain(), CHAIN_GROUPS, data, cross_entropy, costs, {"latency": 3.0}, architecture="chain")


def untouchable(*arguments):
    raise AssertionError("nothing may be trained before the limits are checked")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"macs": 10.0}, "no pruned network meets these limits:\n  macs: asked for less than 10, the narrowest"),
        ({}, "nothing is constrained"),
        ([], "no target"),
        ({"flops": 1e9}, "limits on flops, but what is counted is macs, params"),
        ([{"macs": 30000.0}, {"macs": 40000.0}], "tier 2 allows more macs than tier 1"),
        ([{"macs": 60000.0}, {"params": 1.0}], "params: asked for less than 1"),
    ],
)
def test_refuses_limits_that_nobody_can_meet_before_any_training(limits, message):
    with pytest.raises(UserError, match=message):
        caie_loop(
            trained_chain(), CHAIN_GROUPS, cycle(DATA), untouchable, costs_of_chain(), limits, architecture="chain"
        )


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_refuses_shares_that_are_none(share):
    with pytest.raises(UserError, match=f"found {share}"):
        costs_of_chain().limits({"macs": share})


def test_refuses_to_score_without_data():
    costs = costs_of_chain()
    for batches in ([], DATA[:1]):
        with pytest.raises(ValueError, match=f"CAIE needs data: the mini-batches ended after {len(batches)} of the 2"):
            caie_loop(
                trained_chain(),
                CHAIN_GROUPS,
                batches,
                cross_entropy,
                costs,
                costs.limits({"macs": 0.5}),
                options=QUICK,
                architecture="chain",
            )


def test_refuses_a_training_that_diverged():
    with pytest.raises(ValueError, match="loss impacts of first, second are not finite"):
        loss_impacts(
            trained_chain(),
            CHAIN_GROUPS,
            iter(DATA),
            lambda model, batch: cross_entropy(model, batch) * torch.nan,
            QUICK,
        )


def test_refuses_a_group_without_batchnorm():
    group = ChannelGroup("plain", 12, ("0",), ("3",))
    with pytest.raises(UserError, match="reads BatchNorms, and there is none in plain"):
        LossImpacts(trained_chain(), [group])


def test_refuses_a_loss_that_does_not_depend_on_a_layer():
    model = trained_chain()
    reader = LossImpacts(model, CHAIN_GROUPS)
    with pytest.raises(ValueError, match="no mini-batch was scored"):
        reader.values()
    with pytest.raises(ValueError, match="BatchNorm of group first has no gradient"):
        reader.update()


@pytest.mark.parametrize("wrong", [{"batches_per_step": 0}, {"channels_per_step": 0}])
def test_refuses_steps_of_nothing(wrong):
    with pytest.raises(ValueError, match="at least 1"):
        CaieOptions(**wrong)


def test_macs_take_early_channels_and_params_late_ones():
    """Equal loss impacts: a channel of the first layer is dear in multiplications, one of the second in parameters."""
    impacts = costs_of_chain().impacts({"first": 12, "second": 16})
    assert impacts["first"]["macs"] > impacts["second"]["macs"]
    per_channel = {name: impacts[name]["params"] / impacts[name]["macs"] for name in impacts}
    assert per_channel["second"] > per_channel["first"]


def test_all_of_it_is_too_much_as_the_test_is_strict():
    result = pruned({"macs": 1.0})
    assert len(result.steps) == 1
    assert sum(map(len, result.steps[0].removed.values())) == 1
    assert [row["group"] for row in result.steps[0].rows()] == ["first", "second"]
