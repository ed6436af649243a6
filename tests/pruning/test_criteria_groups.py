"""Scores of every group of a model: reductions over coupled layers, hooks, data that is missing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedreid.errors import UserError
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.criteria import LossImpacts, averaged, l1, scores, weight_scores
from fedreid.pruning.criteria.gates import blocks_of
from fedreid.pruning.groups import groups_of
from tests.pruning.networks import MINI_GROUPS, MiniResidual, backbone
from tests.pruning.small_nets import CHAIN_GROUPS, CHAIN_SIZE, cross_entropy, labelled, trained_chain

DATA = labelled(3, CHAIN_SIZE, 4)


def mini() -> MiniResidual:
    """With weights that a test can know: filters of `conv1` and `conv_b` are as long as these numbers say."""
    model = MiniResidual()
    with torch.no_grad():
        for layer, lengths in ((model.conv1, [1.0, 2, 3, 2]), (model.conv_b, [40.0, 10, 20, 10])):
            for index, length in enumerate(lengths):
                layer.weight[index] = length / layer.weight[index].numel()
        model.bn1.weight.copy_(torch.tensor([1.0, -2, 3, 0]))
        model.bn_b.weight.copy_(torch.tensor([0.0, 1, -1, 5]))
    return model


def test_layers_count_relative_to_their_means():
    """Means 2 and 20: (.5, 1, 1.5, 1) and (2, .5, 1, .5); their mean."""
    found = weight_scores(mini(), MINI_GROUPS, "l1")
    torch.testing.assert_close(found["conv1"], torch.tensor([1.25, 0.75, 1.25, 0.75]))
    assert {name: len(values) for name, values in found.items()} == {"conv1": 4, "conv_a": 2, "conv_c": 5}


def test_the_scale_of_one_layer_does_not_matter():
    model = mini()
    expected = {
        criterion: weight_scores(model, MINI_GROUPS, criterion) for criterion in ("l1", "l2", "fpgm", "sparsity")
    }
    with torch.no_grad():
        model.conv_b.weight.mul_(7)
    for criterion, values in expected.items():
        torch.testing.assert_close(weight_scores(model, MINI_GROUPS, criterion)["conv1"], values["conv1"])


@pytest.mark.parametrize(("roots", "expected"), [({}, [0.5, 1, 1.5, 1]), ({"conv1": "conv_b"}, [2, 0.5, 1, 0.5])])
def test_root_asks_one_producer(roots, expected):
    found = weight_scores(mini(), MINI_GROUPS, "l1", reduction="root", roots=roots)
    torch.testing.assert_close(found["conv1"], torch.tensor(expected))


def test_root_is_the_shortcut_convolution_where_there_is_one():
    model = backbone("resnet18")
    group = next(group for group in groups_of(model) if group.name == "layer2")
    found = weight_scores(model, [group], "l1", reduction="root")["layer2"]
    expected = l1(model.layer2[0].downsample[0].weight)
    torch.testing.assert_close(found, expected / expected.mean())


def test_a_layer_of_zeros_scores_zero():
    model = mini()
    nn.init.zeros_(model.conv_a.weight)
    assert weight_scores(model, MINI_GROUPS, "l2")["conv_a"].tolist() == [0, 0]


def test_batchnorm_scales_are_on_one_scale_everywhere():
    assert weight_scores(mini(), MINI_GROUPS, "bn_scale")["conv1"].tolist() == [0.5, 1.5, 2, 2.5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"criterion": "l3"}, "found l3"),
        ({"criterion": "l1", "reduction": "median"}, "mean, root; found median"),
        (
            {"criterion": "l1", "reduction": "root", "roots": {"conv1": "conv_a"}},
            "produced by conv1, conv_b; found conv_a",
        ),
    ],
)
def test_refuses_what_is_no_weight_criterion(options, message):
    with pytest.raises(ValueError, match=message):
        weight_scores(mini(), MINI_GROUPS, **options)


def test_bn_scale_needs_a_batchnorm():
    with pytest.raises(UserError, match="there is none in plain"):
        weight_scores(mini(), [ChannelGroup("plain", 2, ("conv_a",))], "bn_scale")


def test_activation_scores_are_those_behind_the_rectifier():
    """a dL/da worked out from the feature maps after the ReLUs, with autograd, layer by layer."""
    evaluating = trained_chain().eval()  # scored in training mode all the same
    found = scores(evaluating, CHAIN_GROUPS, "taylor_activation", batches=DATA, loss=cross_entropy)
    model, sums = trained_chain().train(), [0, 0]
    for images, labels in DATA:
        first = model[2](model[1](model[0](images)))
        second = model[5](model[4](model[3](first)))
        loss = nn.functional.cross_entropy(model[8](second.mean((2, 3))), labels)
        for index, (maps, gradient) in enumerate(
            zip((first, second), torch.autograd.grad(loss, (first, second)), strict=True)
        ):
            sums[index] = sums[index] + (maps * gradient).mean((2, 3)).abs().mean(0).detach()
    for name, total in zip(("first", "second"), sums, strict=True):
        torch.testing.assert_close(found[name], total / total.square().sum().sqrt(), rtol=1e-4, atol=1e-7)


def before_layer2(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Its input, without operations in place."""
    stem = torch.relu(model.bn1(model.conv1(images)))
    return model.layer1(torch.max_pool2d(stem, 3, 2, 1) if model.has_imagenet_stem else stem)


def loss_behind_layer2(model: nn.Module, features: torch.Tensor) -> torch.Tensor:
    features = model.layer4(model.layer3(features))
    return model.embedding_bn(model.embedding(features.mean((2, 3)))).square().sum(1).log().sum()


def loss_of(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    return model(images).square().sum(1).log().sum()


IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_activation_scores_of_our_backbones_survive_their_additions_in_place():
    """The shortcut is added, in place, to what a BatchNorm of the group emitted: what counts is before that."""
    model = backbone("resnet10").train()
    found = scores(model, groups_of(model), "taylor_activation", batches=[IMAGES], loss=loss_of)
    block, features = model.layer2[0], before_layer2(model, IMAGES)
    inner = torch.relu(block.bn1(block.conv1(features)))
    emitted = (inner, block.bn2(block.conv2(inner)), block.downsample(features))
    loss = loss_behind_layer2(model, torch.relu(emitted[1] + emitted[2]))
    each = [
        nn.functional.normalize((maps * gradient).mean((2, 3)).abs().mean(0).detach(), dim=0)
        for maps, gradient in zip(emitted, torch.autograd.grad(loss, emitted), strict=True)
    ]
    torch.testing.assert_close(found["layer2.0.conv1"], each[0], rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(found["layer2"], (each[1] + each[2]) / 2, rtol=1e-3, atol=1e-6)


def test_shared_gates_stand_behind_the_blocks_rectifiers():
    """(Σ over blocks of Σ a dL/da)² / blocks, for the two blocks of a stage, from autograd on the blocks' outputs."""
    model = backbone("resnet18").train()
    group = next(group for group in groups_of(model) if group.name == "layer2")
    reader = LossImpacts(model, [group], mode="shared_gate")
    with reader.watching():
        loss_of(model, IMAGES).backward()
    reader.update()
    first = model.layer2[0](before_layer2(model, IMAGES))
    second = model.layer2[1](first)
    gradients = torch.autograd.grad(loss_behind_layer2(model, second), (first, second))
    gates = [(maps * gradient).sum((0, 2, 3)) for maps, gradient in zip((first, second), gradients, strict=True)]
    torch.testing.assert_close(reader.values()["layer2"], (gates[0] + gates[1]).square() / 2, rtol=1e-3, atol=1e-8)


def test_blocks_of_a_stage():
    model = backbone("resnet18")
    groups = {group.name: group for group in groups_of(model)}
    assert blocks_of(groups["layer2"]) == ("layer2.0", "layer2.1")
    assert blocks_of(groups["layer1"]) == ("layer1.0", "layer1.1")
    with pytest.raises(ValueError, match="conv1 is no output of residual blocks"):
        blocks_of(MINI_GROUPS[0])


def test_shared_gates_of_a_model_that_ran_outside():
    model = backbone("resnet10").train()
    group = next(group for group in groups_of(model) if group.name == "layer2")
    reader = LossImpacts(model, [group], mode="shared_gate")
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    with pytest.raises(ValueError, match="inside watching"):
        reader.update()


@pytest.mark.parametrize("criterion", ["taylor_activation", "taylor_batchnorm", "l1", "fpgm", "bn_scale"])
def test_scoring_leaves_the_model_as_it_is(criterion):
    model = trained_chain().eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = scores(model, CHAIN_GROUPS, criterion, batches=DATA, loss=cross_entropy)
    assert {name: tuple(values.shape) for name, values in found.items()} == {"first": (12,), "second": (16,)}
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_cost_term_of_the_activation_form():
    options = {"batches": DATA, "loss": cross_entropy}
    plain = scores(trained_chain(), CHAIN_GROUPS, "taylor_activation", **options)
    costs = {"first": 3.0, "second": 1.0}
    found = scores(trained_chain(), CHAIN_GROUPS, "taylor_activation", **options, channel_costs=costs, cost_weight=0.1)
    torch.testing.assert_close(found["first"], plain["first"] - 0.3)
    torch.testing.assert_close(found["second"], plain["second"] - 0.1)
    with pytest.raises(ValueError, match="no cost of a channel of second"):
        scores(trained_chain(), CHAIN_GROUPS, "taylor_activation", **options, channel_costs={"first": 1.0})


@pytest.mark.parametrize("criterion", ["taylor_activation", "taylor_batchnorm"])
@pytest.mark.parametrize("data", [{}, {"loss": cross_entropy}, {"batches": [], "loss": cross_entropy}])
def test_a_criterion_that_needs_data_says_so(criterion, data):
    with pytest.raises(UserError, match=f"{criterion} .*needs data"):
        scores(trained_chain(), CHAIN_GROUPS, criterion, **data)


def test_an_unknown_criterion_is_named():
    with pytest.raises(UserError, match=r"l1, l2, .*found taylor"):
        scores(trained_chain(), CHAIN_GROUPS, "taylor")


def test_clients_impacts_count_by_their_samples():
    reports = [{"a": torch.tensor([1.0, 5.0])}, {"a": torch.tensor([5.0, 1.0])}]
    assert averaged(reports, [100, 300])["a"].tolist() == [4, 2]
    assert averaged(reports, [1, 0])["a"].tolist() == [1, 5]


@pytest.mark.parametrize(
    ("reports", "samples", "message"),
    [
        ([], [], "found 0 for 0"),
        ([{"a": torch.ones(2)}], [1, 2], "found 2 for 1"),
        ([{"a": torch.ones(2)}], [0], "not all of them 0"),
        ([{"a": torch.ones(2)}], [-1], "found \\[-1\\]"),
        ([{"a": torch.ones(2)}, {"a": torch.ones(3)}], [1, 1], "report 1 is on other groups or widths"),
        ([{"a": torch.ones(2)}, {"b": torch.ones(2)}], [1, 1], "report 1"),
    ],
)
def test_refuses_reports_that_do_not_fit(reports, samples, message):
    with pytest.raises(ValueError, match=message):
        averaged(reports, samples)
