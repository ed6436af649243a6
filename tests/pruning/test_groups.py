"""Channel groups: the shipped tables against the specification and against torch-pruning, and groups by hand."""

from __future__ import annotations

import json

import pytest
from torch import nn

from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.pruning import ChannelGroup, architecture_of, check_groups, groups_of, with_widths
from fedreid.pruning.groups import TABLES
from tests.pruning.networks import MINI_GROUPS, SEPARABLE_GROUPS, MiniResidual, Separable, backbone, settings_of

BACKBONES = ("resnet10", "resnet18", "resnet34", "resnet50", "spherenet20", "spherenet64")


def by_name(groups):
    return {group.name: group for group in groups}


@pytest.fixture(scope="module")
def resnet50():
    return build_backbone(settings_of("resnet50", 1.0))


def test_groups_of_a_resnet50(resnet50):
    """Section 2 of the specification: stem, four stage outputs, two inner groups for each of 16 blocks."""
    groups = groups_of(resnet50, frozen=())
    widths = {group.name: group.width for group in groups}
    assert len(groups) == 37
    assert sum(widths.values()) == 11_456
    assert [widths[name] for name in ("stem", "layer1", "layer2", "layer3", "layer4")] == [64, 256, 512, 1024, 2048]
    blocks = {f"layer{stage}.{block}" for stage, depth in enumerate((3, 4, 6, 3), 1) for block in range(depth)}
    inner = {f"{block}.conv{number}" for block in blocks for number in (1, 2)}
    assert set(widths) == inner | {"stem", "layer1", "layer2", "layer3", "layer4"}


def test_members_of_a_stage_output(resnet50):
    found = by_name(groups_of(resnet50, frozen=()))["layer2"]
    assert set(found.producers) == {f"layer2.{block}.conv3" for block in range(4)} | {"layer2.0.downsample.0"}
    assert set(found.batchnorms) == {f"layer2.{block}.bn3" for block in range(4)} | {"layer2.0.downsample.1"}
    readers = {f"layer2.{block}.conv1" for block in (1, 2, 3)} | {"layer3.0.conv1", "layer3.0.downsample.0"}
    assert set(found.consumers) == readers
    assert by_name(groups_of(resnet50, frozen=()))["layer4"].consumers[-1] == "embedding"


def test_the_output_of_the_last_stage_is_frozen_unless_told_otherwise(resnet50):
    assert sum(group.width for group in groups_of(resnet50)) == 9_408
    assert "layer4" not in by_name(groups_of(resnet50))
    names = set(by_name(groups_of(resnet50, frozen=("stem", "layer4"))))
    assert set(by_name(groups_of(resnet50))) - names == {"stem"}


def test_stem_of_basic_blocks_belongs_to_the_first_stage():
    groups = by_name(groups_of(backbone("resnet34"), frozen=()))
    assert len(groups) == 20
    assert groups["layer1"].producers == ("conv1", "layer1.0.conv2", "layer1.1.conv2", "layer1.2.conv2")
    assert "stem" not in groups


def test_groups_of_a_spherenet():
    groups = by_name(groups_of(backbone("spherenet20"), frozen=()))
    last = groups["stage4"]
    assert last.slopes == ("stage4.prelu", "stage4.blocks.0.prelu2")
    assert last.positions == {"embedding": 4}  # 32 x 32 images are 2 x 2 at the end
    assert groups["stage2"].consumers == ("stage2.blocks.0.conv1", "stage2.blocks.1.conv1", "stage3.conv")


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("width", [0.125, 0.5])
def test_a_table_serves_every_width(name, width):
    model = backbone(name, width)
    groups = groups_of(model, frozen=())
    check_groups(model, groups)
    assert architecture_of(model) == name
    outputs = {layer for group in groups for layer in group.producers}
    convolutions = {layer for layer, module in model.named_modules() if isinstance(module, nn.Conv2d)}
    assert outputs == convolutions


@pytest.mark.parametrize("name", BACKBONES)
def test_shipped_tables_are_what_torch_pruning_derives(name):
    pytest.importorskip("torch_pruning", reason="deriving needs the extra `pruning`")
    from fedreid.pruning.derive import derived_table

    assert derived_table(name) == json.loads((TABLES / f"{name}.json").read_text())


def test_every_backbone_has_a_table():
    assert {path.stem for path in TABLES.glob("*.json")} == set(BACKBONES)


def test_refuses_a_network_without_a_table():
    with pytest.raises(UserError, match=r"no table of channel groups fits this MiniResidual.*resnet10, resnet18"):
        groups_of(MiniResidual())
    changed = backbone("resnet10")
    changed.layer2.add_module("extra", nn.Conv2d(16, 16, 1))
    with pytest.raises(UserError, match="no table"):
        architecture_of(changed)


def test_refuses_to_freeze_what_there_is_not():
    with pytest.raises(ValueError, match=r"resnet10 has no group layer5; it has layer1, "):
        groups_of(backbone("resnet10"), frozen=("layer5",))


@pytest.mark.parametrize(("model", "groups"), [(MiniResidual(), MINI_GROUPS), (Separable(), SEPARABLE_GROUPS)])
def test_groups_by_hand_are_checked_against_the_model(model, groups):
    check_groups(model, groups)
    first = groups[0]
    with pytest.raises(ValueError, match=f"group conv1: layer conv1 has {first.width} channels, expected 3"):
        check_groups(model, with_widths(groups, {"conv1": 3}))
    with pytest.raises(ValueError, match="two groups have one name"):
        check_groups(model, (first, first))
    with pytest.raises(ValueError, match="group a: the model has no layer missing"):
        check_groups(model, [ChannelGroup("a", 4, ("missing",))])


def test_a_layer_has_to_suit_its_role():
    model = Separable()
    with pytest.raises(ValueError, match="layer depthwise can't be one of the producers"):
        check_groups(model, [ChannelGroup("a", 6, ("depthwise",))])
    with pytest.raises(ValueError, match="layer slope can't be one of the batchnorms"):
        check_groups(model, [ChannelGroup("a", 6, ("conv1",), batchnorms=("slope",))])
    with pytest.raises(ValueError, match="layer fc has 80 channels, expected 5"):
        check_groups(model, [ChannelGroup("a", 5, ("conv2",), ("fc",))])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, ("a",)), "at least 1 channel is needed, found 0"),
        ((1, ()), "at least 1 producer"),
        ((1, ("a", "a")), "named twice in a, a"),
    ],
)
def test_refuses_an_impossible_group(arguments, message):
    with pytest.raises(ValueError, match=message):
        ChannelGroup("odd", *arguments)


def test_new_widths_leave_the_rest_alone():
    found = with_widths(MINI_GROUPS, {"conv_a": 1})
    assert [group.width for group in found] == [4, 1, 5]
    assert found[0] == MINI_GROUPS[0]
    assert found[1].producers == ("conv_a",)
