"""One-shot, uniform and iterative pruning, and the network that shrinks under them."""

from __future__ import annotations

import pytest
import torch

from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.groups import groups_of
from fedreid.pruning.maps import is_nested, tensor_map
from fedreid.pruning.schedules import Consumption, iterative, one_shot, uniform, uniform_rate
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.slicing import slice_state
from fedreid.scenario.schema import ModelSettings
from tests.pruning.networks import backbone
from tests.pruning.small_nets import CHAIN_GROUPS, CHAIN_SIZE, trained_chain

SCORES = {"first": torch.arange(12.0), "second": torch.arange(16.0) + 0.5}


def costs_of_chain() -> Consumption:
    return Consumption(trained_chain(), CHAIN_GROUPS, CHAIN_SIZE)


def shot(*shares, scores=SCORES, **options):
    costs = costs_of_chain()
    limits = [costs.limits(share) for share in shares]
    return one_shot(trained_chain(), CHAIN_GROUPS, scores, costs, limits, architecture="chain", **options)


def macs(first: int, second: int) -> int:
    """Of the chain, by hand: 48 places, 12 after the stride, 1 behind the average."""
    return 27 * first * 48 + 9 * first * second * 12 + 4 * second


def test_one_shot_removes_the_fewest_that_meet_the_limit():
    """In order first 0, second 0, first 1, second 1, ...: until less than half of 36,352 is left."""
    gone = 0
    while macs(12 - (gone + 1) // 2, 16 - gone // 2) >= macs(12, 16) / 2:
        gone += 1
    result = shot({"macs": 0.5})
    assert macs(12, 16) == 36352
    assert result.channel_map.kept == {
        "first": tuple(range((gone + 1) // 2, 12)),
        "second": tuple(range(gone // 2, 16)),
    }
    assert result.steps[-1].figures["macs"] == macs(12 - (gone + 1) // 2, 16 - gone // 2)


def test_one_shot_for_several_tiers():
    result = shot({"macs": 0.7}, {"macs": 0.4}, {"macs": 0.4, "params": 0.2})
    for small, large in zip(result.tiers[1:], result.tiers, strict=False):
        assert is_nested(small, large)
        assert small != large
    alone = shot({"macs": 0.4})
    assert alone.channel_map == result.tiers[1]
    weights = slice_state(trained_chain().state_dict(), tensor_map(CHAIN_GROUPS, result.channel_map))
    assert all(torch.equal(value, weights[key]) for key, value in result.model.state_dict().items())


def test_one_shot_refuses_what_the_minimum_widths_forbid():
    with pytest.raises(UserError, match="the narrowest network needs"):
        shot({"macs": 0.2}, minimum_share=0.5)


@pytest.mark.parametrize("wrong", [{"first": SCORES["first"]}, {**SCORES, "second": torch.ones(3)}])
def test_one_shot_refuses_scores_of_another_network(wrong):
    with pytest.raises(ValueError, match="group second: expected 16 scores"):
        shot({"macs": 0.5}, scores=wrong)


def test_uniform_takes_the_same_share_everywhere():
    result = uniform(trained_chain(), CHAIN_GROUPS, SCORES, 0.3, architecture="chain")
    assert result.channel_map.kept == {"first": tuple(range(3, 12)), "second": tuple(range(4, 16))}


def test_uniform_refuses_scores_of_another_network():
    with pytest.raises(ValueError, match="group first: expected 12 scores"):
        uniform(trained_chain(), CHAIN_GROUPS, {"first": torch.ones(3)}, 0.3, architecture="chain")


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [((), [0.141, 0.299, 0.436, 0.510]), (("layer4",), [0.145, 0.313, 0.454, 0.532]),
     (("layer4", "stem"), [0.149, 0.325, 0.469, 0.555])],
)  # fmt: skip
def test_uniform_rates_of_a_resnet50(frozen, expected):
    """The table of the specification: 256 x 128 images, last stride 2, without a head."""
    settings = ModelSettings.model_validate({"backbone": "resnet50", "stem": "imagenet", "last_stride": 2})
    model = build_backbone(settings)
    costs = Consumption(model, groups_of(model, frozen=frozen), (256, 128), include_head=False)
    assert costs.original == {"macs": 2_669_150_208, "params": 23_508_032}
    assert [uniform_rate(costs, costs.limits({"macs": share})) for share in (0.75, 0.5, 0.33, 0.25)] == expected


def test_uniform_rate_of_a_limit_that_is_out_of_reach():
    with pytest.raises(UserError, match="macs: asked for less than 10"):
        uniform_rate(costs_of_chain(), {"macs": 10.0})


def test_iterative_scores_what_is_left_and_retrains_after_each_removal():
    seen, trained = [], []

    def score(model, groups):
        seen.append({group.name: group.width for group in groups})
        assert {name: model[index].out_channels for name, index in (("first", 0), ("second", 3))} == seen[-1]
        return {group.name: torch.arange(float(group.width)) for group in groups}

    costs = costs_of_chain()
    result = iterative(
        trained_chain(),
        CHAIN_GROUPS,
        score,
        lambda model: trained.append(model[0].out_channels),
        costs,
        costs.limits({"macs": 0.7}),
        channels_per_step=2,
        architecture="chain",
    )
    assert seen[:2] == [{"first": 12, "second": 16}, {"first": 11, "second": 15}]
    assert len(trained) == len(seen) == len(result.steps)
    assert result.steps[0].removed == {"first": (0,), "second": (0,)}
    assert result.steps[1].removed == {"first": (1,), "second": (1,)}  # numbered as at the start
    assert result.steps[-1].figures["macs"] < 0.7 * 36352


def test_a_shrinking_network_is_always_the_slice_of_its_map():
    model = backbone("resnet18")
    network = Shrinking(model, groups_of(model))
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        gone = [
            (name, int(torch.randint(width, (), generator=generator)))
            for name, width in network.widths.items()
            if width > 1
        ]
        network.remove(gone)
        expected = slice_state(model.state_dict(), tensor_map(groups_of(model), network.channel_map))
        assert all(torch.equal(value, expected[key]) for key, value in network.model.state_dict().items())
    assert network.channel_map.architecture == "resnet18"
    assert network.model.eval()(torch.zeros(1, 3, 32, 32)).shape == (1, 8)


def test_a_saved_network_can_be_come_back_to():
    network = Shrinking(trained_chain(), CHAIN_GROUPS, "chain")
    saved = network.saved()
    network.remove([("first", 0)])
    assert saved.widths == {"first": 12, "second": 16}
    assert saved.model[0].out_channels == 12


def test_a_group_keeps_its_last_channel():
    network = Shrinking(trained_chain(), CHAIN_GROUPS, "chain")
    with pytest.raises(ValueError, match="first would lose its last channel"):
        network.remove([("first", index) for index in range(12)])
    assert network.model[0].out_channels == 12


def test_refuses_to_shrink_nothing():
    with pytest.raises(ValueError, match="no group to prune"):
        Shrinking(trained_chain(), [], "chain")
    with pytest.raises(ValueError, match="group first: layer 0 has 12 channels, expected 13"):
        Shrinking(trained_chain(), [ChannelGroup("first", 13, ("0",), ("3",), ("1",))], "chain")


def test_refuses_resources_that_are_not_counted():
    with pytest.raises(ValueError, match="found flops"):
        Consumption(trained_chain(), CHAIN_GROUPS, CHAIN_SIZE, resources=("flops",))
    with pytest.raises(UserError, match="flops is not counted"):
        costs_of_chain().limits({"flops": 0.5})


def test_one_shot_takes_the_whole_ranking_where_it_has_to():
    """Of the chain's 12 and 16 channels 1 and 1 stay: 27 x 48 + 9 x 12 + 4 multiplications."""
    costs = costs_of_chain()
    result = one_shot(trained_chain(), CHAIN_GROUPS, SCORES, costs, {"macs": macs(1, 1) + 0.5}, architecture="chain")
    assert result.channel_map.kept == {"first": (11,), "second": (15,)}
    with pytest.raises(UserError, match="the narrowest network needs 1,408"):
        one_shot(trained_chain(), CHAIN_GROUPS, SCORES, costs, {"macs": macs(1, 1)}, architecture="chain")


def test_uniform_rate_is_zero_where_nothing_has_to_go():
    assert uniform_rate(costs_of_chain(), {"macs": 40_000.0}) == 0
