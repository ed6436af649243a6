"""Layer-wise pruning against the trace of spec oracle O7."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.schedules import CpoOptions, cpo
from fedreid.pruning.schedules.sensitivity import filter_cost, output_positions
from tests.oracles.pruning import O7_EXPECTED_DROP, o7_drop

GROUPS = (
    ChannelGroup("first", 8, ("0",), ("1",)),
    ChannelGroup("second", 8, ("1",), ("2",)),
    ChannelGroup("third", 8, ("2",), ("3",)),
)


def chain() -> nn.Sequential:
    """Three chained 3x3 convolutions of eight filters, and one that reads the last."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(inputs, outputs, 3, padding=1) for inputs, outputs in [(3, 8), (8, 8), (8, 8), (8, 2)])
    )


def score(model: nn.Module) -> float:
    """100 less the synthetic drop at the model's widths."""
    return 100 - o7_drop(*(1 - model[layer].out_channels / 8 for layer in range(3)))


def nothing(model: nn.Module, epochs: int) -> None:
    """In place of training."""


def pruned(expected_drop=O7_EXPECTED_DROP, **options):
    return cpo(chain(), GROUPS, score, nothing, expected_drop, options=CpoOptions(**options), architecture="chain")


def test_trace_of_the_oracle():
    result = pruned()
    expected = [
        ("probe", "first", 0.5, 0.005, 0.00037037),
        ("probe", "second", 0.5, 0.0625, 0.00173611),
        ("probe", "third", 0.5, 0.225, 0.00625),
        ("remove", "first", 0.5, 0.005, 0.00037037),
        ("remove", "first", 0.75, 0.01125, 0.000925926),
        ("remove", "first", 0.875, 0.0153125, 0.001203704),
        ("commit", "first", 0.875, 0.0153125, None),
        ("remove", "third", 0.5, 0.2403125, 0.00625),
        ("remove", "third", 0.75, 0.5215625, 0.015625),
        ("step back", "third", 0.625, 0.366875, None),
        ("commit", "third", 0.625, 0.366875, None),
        ("remove", "second", 0.5, 0.429375, 0.0138889),
        ("remove", "second", 0.75, 0.6832813, None),
        ("step back", "second", 0.625, 0.5194629, None),
        ("commit", "second", 0.625, 0.5194629, None),
    ]
    assert [(step.event, step.group) for step in result.steps] == [row[:2] for row in expected]
    for step, (*_, rate, drop, sensitivity) in zip(result.steps, expected, strict=True):
        assert step.figures["rate"] == rate
        assert step.figures["drop"] == pytest.approx(drop, abs=1e-7)
        if sensitivity is not None:
            assert step.figures["sensitivity"] == pytest.approx(sensitivity, rel=1e-5)
    assert result.channel_map.kept_widths == {"first": 1, "second": 3, "third": 3}
    assert [layer.out_channels for layer in result.model] == [1, 3, 3, 2]
    assert result.model(torch.zeros(2, 3, 6, 6)).shape == (2, 2, 6, 6)


def test_removes_the_sparsest_filters_of_the_weights_as_they_are():
    """Eqs. 5.1 and 5.2 worked out here: four, two and one of the first layer's filters, with a new mean each time."""
    rows = dict(enumerate(chain()[0].weight.detach().flatten(1).abs().tolist()))
    for count in (4, 2, 1):
        mean = sum(map(sum, rows.values())) / (27 * len(rows))
        small = {index: sum(value < mean for value in row) for index, row in rows.items()}
        for index in sorted(rows, key=lambda index: (-small[index], index))[:count]:
            del rows[index]
    assert pruned().channel_map.kept["first"] == tuple(rows)


def test_steps_back_to_the_weights_before_the_last_removal():
    """Training that adds 1 to every bias is undone with the removal that it followed."""

    def mark(model: nn.Module, epochs: int) -> None:
        with torch.no_grad():
            model[3].bias += epochs

    result = cpo(chain(), GROUPS, score, mark, O7_EXPECTED_DROP, options=CpoOptions(retrain_epochs=5), architecture="c")
    trainings = 3 + 2 + 2  # first: .5, .75, .875; third and second: .5, .625
    torch.testing.assert_close(result.model[3].bias - chain()[3].bias, torch.full((2,), 5.0 * trainings))


def test_leaves_the_model_alone():
    model = chain()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    cpo(model, GROUPS, score, nothing, 0.6, architecture="chain")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_no_drop_allowed_removes_nothing():
    assert pruned(0.0).channel_map.kept_widths == {"first": 8, "second": 8, "third": 8}


def test_several_targets_lie_inside_each_other():
    result = pruned((0.1, 0.6))
    small, large = result.tiers[1], result.tiers[0]
    assert all(set(small.kept[name]) <= set(large.kept[name]) for name in small.kept)
    assert small == result.channel_map
    assert small != large
    drops = [o7_drop(*(1 - width / 8 for width in tier.kept_widths.values())) for tier in result.tiers]
    assert drops[0] <= 0.1 < drops[1] <= 0.6


def test_gains_keep_their_sign_and_ties_go_to_the_costlier_layer():
    """Without any drop all sensitivities are 0. Second and third cost 72 a filter, first 27; then third costs 9."""
    result = cpo(chain(), GROUPS, lambda model: 1.0, nothing, 0.5, architecture="chain")
    assert [step.group for step in result.steps if step.event == "commit"] == ["second", "first", "third"]
    gains = {"first": 3, "second": 1, "third": 2}
    improving = cpo(
        chain(),
        GROUPS,
        lambda model: sum(gain * (8 - model[index].out_channels) for index, gain in enumerate(gains.values())),
        nothing,
        0.5,
        architecture="chain",
    )
    probes = {step.group: step.figures["sensitivity"] for step in improving.steps if step.event == "probe"}
    assert probes == pytest.approx({"first": -12 / (0.5 * 27), "second": -4 / (0.5 * 72), "third": -8 / (0.5 * 72)})
    assert next(step.group for step in improving.steps if step.event == "commit") == "first"


@pytest.mark.parametrize(("kind", "expected"), [("kernel", 72), ("params", 576), ("macs", 576 * 20)])
def test_cost_in_the_sensitivity(kind, expected):
    model = chain()
    assert filter_cost(model, GROUPS[1], kind, output_positions(model, GROUPS, (5, 4))) == expected


def test_cost_adds_up_over_the_producers_of_a_group():
    assert filter_cost(chain(), ChannelGroup("both", 8, ("0", "1"), ("2",)), "kernel") == 27 + 72


def test_a_group_of_one_channel_is_not_available():
    model = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Conv2d(1, 4, 1), nn.Conv2d(4, 2, 1))
    groups = (ChannelGroup("one", 1, ("0",), ("1",)), ChannelGroup("four", 4, ("1",), ("2",)))
    result = cpo(model, groups, lambda model: 1.0, nothing, 1.0, architecture="two")
    assert result.channel_map.kept_widths == {"one": 1, "four": 1}


@pytest.mark.parametrize(
    ("drop", "options", "message"),
    [
        (-0.1, {}, "found -0.1"),
        ((), {}, "found none"),
        ((0.2, 0.1), {}, "found 0.2, 0.1"),
        (0.1, {"ps_cost": "macs"}, "size of the images is needed"),
        (0.1, {"ps_cost": "time"}, "kernel, params, macs; found time"),
        (0.1, {"criterion": "taste"}, "found taste"),
        (0.1, {"roots": {"first": "2"}}, "produced by 0; found 2"),
    ],
)
def test_refuses_what_makes_no_run(drop, options, message):
    with pytest.raises(ValueError, match=message):
        pruned(drop, **options)


def test_refuses_a_score_that_is_no_number():
    with pytest.raises(ValueError, match="found nan"):
        cpo(chain(), GROUPS, lambda model: math.nan, nothing, 0.1, architecture="chain")


def test_a_rate_that_removes_as_many_as_the_one_before_is_not_tried_again():
    """Of 10 channels .5 takes 5, .75 takes 7, .875 takes 8; then .8125 takes 8 too, .78125 takes 7: what was good."""
    model = nn.Sequential(nn.Conv2d(3, 10, 1), nn.Conv2d(10, 2, 1))
    group = ChannelGroup("ten", 10, ("0",), ("1",))
    result = cpo(model, [group], lambda model: min(model[0].out_channels, 3), nothing, 0.5, architecture="ten")
    found = [(step.event, step.figures["rate"]) for step in result.steps]
    assert found == [("probe", 0.5), ("remove", 0.5), ("remove", 0.75), ("remove", 0.875), ("commit", 0.75)]
    assert result.channel_map.kept_widths == {"ten": 3}


def test_drops_count_from_the_reference():
    """The original scored 100.05, this network 100: what may go is .05 less, and probes measure what is new."""
    result = pruned(0.6, reference=100.05)
    probes = [step for step in result.steps if step.event == "probe"]
    assert [step.figures["drop"] for step in probes] == pytest.approx([0.055, 0.1125, 0.275])
    assert [step.figures["sensitivity"] for step in probes] == pytest.approx(
        [0.00037037, 0.00173611, 0.00625], rel=1e-5
    )
    assert result.steps[-1].figures["drop"] == pytest.approx(0.5194629 + 0.05, abs=1e-7)
    assert pruned(0.04, reference=100.05).channel_map.kept_widths == {"first": 8, "second": 8, "third": 8}
