"""The cost model against hand counts, published tables (worked examples O5 and O11), formulas and other counters."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
import torch
from torch import nn

from fedreid.models import build_backbone
from fedreid.pruning import (
    ChannelGroup,
    Costs,
    costs_with,
    count,
    full_map,
    groups_of,
    impacts,
    layers_of,
    narrow,
    narrowed,
    savings,
    sub_network,
    total,
    with_widths,
)
from tests.pruning.networks import (
    MINI_GROUPS,
    SEPARABLE_GROUPS,
    SIZE,
    MiniResidual,
    Separable,
    backbone,
    random_map,
    resnet32,
    settings_of,
    vdsr,
    vgg19,
)

SIZE_50 = (256, 128)
HEAD = ("embedding", "embedding_bn")


@pytest.fixture(scope="module")
def resnet50():
    """The layers of a full ResNet-50 without head, and all of its groups."""
    model = build_backbone(settings_of("resnet50", 1.0, last_stride=2))
    return layers_of(model, SIZE_50, without=HEAD), groups_of(model, frozen=())


def test_mini_net_of_the_oracle():
    costs = count(MiniResidual(), (16, 8))
    assert (costs.macs, costs.params) == (32_911, 320)
    saved = savings(layers_of(MiniResidual(), (16, 8)), MINI_GROUPS)
    found = {name: (saving.macs, saving.params) for name, saving in saved.items()}
    assert found == {"conv1": (8_224, 72), "conv_a": (9_216, 74), "conv_c": (131, 9)}


@pytest.mark.parametrize(
    ("group", "macs", "params"),
    [("conv1", 0.249886, 0.225), ("conv_a", 0.280028, 0.23125), ("conv_c", 0.003980, 0.028125)],
)
def test_impacts_of_the_oracle(group, macs, params):
    found = impacts(MiniResidual(), MINI_GROUPS, (16, 8))[group]
    assert found == {"macs": pytest.approx(macs, abs=5e-7), "params": pytest.approx(params)}


def test_mini_net_of_the_oracle_after_one_step():
    model = MiniResidual()
    groups = narrow(model, MINI_GROUPS, full_map(MINI_GROUPS, "mini").without({"conv_a": [0]}))
    costs = count(model, (16, 8))
    assert (costs.macs, costs.params) == (23_695, 246)
    found = impacts(model, groups, (16, 8))
    assert found["conv1"] == {"macs": pytest.approx(5_920 / 23_695), "params": pytest.approx(54 / 246)}
    assert found["conv_c"] == {"macs": pytest.approx(131 / 23_695), "params": pytest.approx(9 / 246)}


@pytest.mark.parametrize(("last_stride", "macs"), [(2, 2_669_150_208), (1, 4_053_270_528)])
def test_resnet50_of_the_reference(last_stride, macs):
    model = build_backbone(settings_of("resnet50", 1.0, last_stride=last_stride))
    costs = count(model, SIZE_50, include_head=False)
    assert (costs.macs, costs.params) == (macs, 23_508_032)
    whole = count(model, SIZE_50)
    assert whole.macs - costs.macs == 2048 * 8  # the projection to 8 dimensions, without a bias
    assert whole.params == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("group", "macs", "share_of_macs", "params", "share_of_params"),
    [
        ("stem", 1_859_584, 6.9670e-4, 469, 1.9951e-5),
        ("layer1", 1_310_720, 4.9106e-4, 1_032, 4.3900e-5),
        ("layer2", 851_968, 3.1919e-4, 2_442, 1.0388e-4),
        ("layer3", 557_056, 2.0870e-4, 5_902, 2.5106e-4),
        ("layer4", 114_688, 4.2968e-5, 3_592, 1.5280e-4),
        ("layer1.1.conv2", 1_703_936, 6.3838e-4, 834, 3.5477e-5),
        ("layer2.0.conv1", 1_114_112, 4.1740e-4, 1_410, 5.9979e-5),
        ("layer3.1.conv2", 425_984, 1.5960e-4, 3_330, 1.4165e-4),
        ("layer4.1.conv2", 212_992, 7.9798e-5, 6_658, 2.8322e-4),
    ],
)
def test_impacts_of_the_reference(resnet50, group, macs, share_of_macs, params, share_of_params):
    layers, groups = resnet50
    costs, saving = total(layers), savings(layers, groups)[group]
    assert (saving.macs, saving.params) == (macs, params)
    assert saving.macs / costs.macs == pytest.approx(share_of_macs, rel=1e-4)
    assert saving.params / costs.params == pytest.approx(share_of_params, rel=1e-4)


@pytest.mark.parametrize(
    ("frozen", "removed"),
    [
        ((), {0.75: (141, 73.9), 0.50: (299, 49.3), 0.33: (436, 32.0), 0.25: (510, 24.2)}),
        (("layer4",), {0.75: (145, 77.1), 0.50: (313, 54.1), 0.33: (454, 37.7), 0.25: (532, 29.9)}),
        (("layer4", "stem"), {0.75: (149, 76.5), 0.50: (325, 52.7), 0.33: (469, 36.1), 0.25: (555, 27.7)}),
    ],
)
def test_uniform_removal_of_the_reference(resnet50, frozen, removed):
    """The smallest share in steps of .001 that reaches the target: one step less doesn't."""
    layers, groups = resnet50
    groups = tuple(group for group in groups if group.name not in frozen)
    full = total(layers)

    def after(thousandths: int) -> Costs:
        return costs_with(
            layers, groups, {group.name: group.width - group.width * thousandths // 1000 for group in groups}
        )

    for target, (thousandths, params_left) in removed.items():
        costs = after(thousandths)
        assert costs.macs <= target * full.macs < after(thousandths - 1).macs
        assert 100 * costs.params / full.params == pytest.approx(params_left, abs=0.05)


PUBLISHED = {
    "vdsr": (vdsr, (41, 41), 1, {0.0625: (87.91, 87.90), 0.125: (76.60, 76.58), 0.25: (56.32, 56.28)}),
    "vgg19": (vgg19, (32, 32), 3,
              {0.25: (58.47, 56.78), 0.375: (41.84, 39.72), 0.5: (27.97, 25.70), 0.625: (16.85, 14.72)}),
    "resnet32": (resnet32, (32, 32), 3,
                 {0.125: (85.34, 86.04), 0.25: (71.30, 72.51), 0.375: (57.89, 59.41), 0.5: (45.09, 46.74)}),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_uniform_removal_in_published_networks(name):
    """Worked example O11: params and MACs left, in percent."""
    made, size, colours, expected = PUBLISHED[name]
    model, groups = made()
    layers = layers_of(model, size, colours=colours)
    full = total(layers)
    for rate, left in expected.items():
        widths = {group.name: group.width - math.floor(group.width * rate) for group in groups}
        costs = costs_with(layers, groups, widths)
        found = (100 * costs.params / full.params, 100 * costs.macs / full.macs)
        assert found == pytest.approx(left, abs=0.005), rate


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [("vdsr", 665_921, 1.1174e9), ("resnet32", 1_854_304 + 1_280, 2.756e8), ("vgg19", 20_024_000, 398_136_320)],
)
def test_sizes_of_published_networks(name, params, macs):
    made, size, colours, _ = PUBLISHED[name]
    costs = count(made()[0], size, colours=colours)
    assert costs.params == params
    assert costs.macs == pytest.approx(macs, rel=5e-5)


@pytest.mark.parametrize("name", ["resnet10", "resnet18", "resnet34", "resnet50", "spherenet20"])
def test_costs_by_widths_are_those_of_the_built_network(name):
    model = backbone(name)
    groups = groups_of(model, frozen=())
    channel_map = random_map(groups, name)
    small = sub_network(settings_of(name), channel_map, image_size=SIZE)
    found = costs_with(layers_of(model, SIZE), groups, channel_map.kept_widths)
    assert found == count(small, SIZE)
    assert found.params == sum(parameter.numel() for parameter in small.parameters())


def test_costs_by_widths_with_depthwise_slopes_and_flattened_maps():
    model = Separable()
    channel_map = random_map(SEPARABLE_GROUPS, "separable", seed=3)
    found = costs_with(layers_of(model, (8, 8)), SEPARABLE_GROUPS, channel_map.kept_widths)
    assert found == count(narrowed(model, SEPARABLE_GROUPS, channel_map), (8, 8))


def test_a_hand_count_with_depthwise_slopes_and_flattened_maps():
    """8 x 8 images; 4 x 4 positions behind the depthwise convolution."""
    costs = count(Separable(), (8, 8))
    macs = [3 * 9 * 6 * 64, 9 * 6 * 16, 6 * 5 * 16, 80 * 7]
    params = [3 * 9 * 6 + 6, 6, 9 * 6, 2 * 6, 6 * 5 + 5, 80 * 7 + 7]
    kept = [3 * 64, 6 * 64, 6 * 64, 6 * 16, 6 * 16, 80]  # for conv1, slope, depthwise, bn, conv2 and the rectifier
    kept.append(80)  # for fc: flattening a channels-last map copies it
    assert costs == Costs(sum(macs), sum(params), sum(kept), 2 * 6 * 64)


def analytic(layers, group: ChannelGroup, widths: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """Section 4.2 of the specification, from (inputs, outputs) of each layer now."""
    shapes = {layer.name: layer for layer in layers}
    macs = params = 0
    for name in group.producers:
        kernel, positions = math.prod(shapes[name].kernel_size), math.prod(shapes[name].output_size)
        macs += widths[name][0] * kernel * positions
        params += widths[name][0] * kernel + shapes[name].biases
    for name in group.consumers:
        kernel, positions = math.prod(shapes[name].kernel_size), math.prod(shapes[name].output_size)
        macs += widths[name][1] * kernel * positions * group.positions.get(name, 1)
        params += widths[name][1] * kernel * group.positions.get(name, 1)
    return macs, params + 2 * len(group.batchnorms) + len(group.slopes)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "spherenet20"])
@pytest.mark.parametrize("is_pruned", [False, True])
def test_counting_again_agrees_with_the_formula(name, is_pruned):
    model = backbone(name)
    groups = groups_of(model, frozen=())
    if is_pruned:
        groups = narrow(model, groups, random_map(groups, name))
    layers = layers_of(model, SIZE)
    widths = {layer.name: (layer.inputs, layer.outputs) for layer in layers}
    saved = savings(layers, groups)
    for group in groups:
        # A layer between two stages of one group (3 x 3, from the group to itself) would need a cross term.
        assert not set(group.producers) & set(group.consumers)
        assert (saved[group.name].macs, saved[group.name].params) == analytic(layers, group, widths)


def test_one_channel_less_is_what_removal_saves():
    """Against building the smaller network, memory included."""
    model = backbone("resnet18")
    groups = groups_of(model, frozen=())
    resources = ("macs", "params", "training_memory", "inference_memory")
    found = impacts(model, groups, SIZE, resources=resources, batch_size=8, optimiser_slots=2)
    before = count(model, SIZE)
    options = {"batch_size": 8, "optimiser_slots": 2}
    for group in groups:
        without = full_map(groups, "resnet18").without({group.name: [0]})
        after = count(sub_network(settings_of("resnet18"), without), SIZE)
        for resource in resources:
            amounts = before.amount(resource, **options), after.amount(resource, **options)
            assert found[group.name][resource] == pytest.approx(1 - amounts[1] / amounts[0], abs=1e-12)


def test_early_stages_save_multiplications_and_late_ones_parameters(resnet50):
    layers, groups = resnet50
    saved, names = savings(layers, groups), ["layer1.1.conv2", "layer2.1.conv2", "layer3.1.conv2", "layer4.1.conv2"]
    for chain in (["layer1", "layer2", "layer3"], names):
        macs, params = [saved[name].macs for name in chain], [saved[name].params for name in chain]
        assert macs == sorted(macs, reverse=True)
        assert params == sorted(params)


def test_memory_is_the_formula():
    costs = Costs(macs=1, params=100, activations=50, largest_pass=30)
    assert costs.training_memory(8) == 4 * (100 * 3 + 8 * 50)
    assert costs.training_memory(2, optimiser_slots=2) == 4 * (100 * 4 + 2 * 50)
    assert costs.inference_memory == 4 * 130
    amounts = [costs.amount(name) for name in ("macs", "params", "training_memory", "inference_memory")]
    assert amounts == [1, 100, 4 * (300 + 32 * 50), 520]


def kept_for_backward(model: nn.Module, images: torch.Tensor) -> int:
    """Bytes for each image that autograd saves of feature maps in a real pass of a batch."""
    seen: dict[int, torch.Tensor] = {}
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def save(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.dim() > 1 and tensor.untyped_storage().data_ptr() not in weights:
            seen.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda tensor: tensor):
        output = model(images.to(memory_format=torch.channels_last))
    assert output.requires_grad
    return sum(tensor.numel() * tensor.element_size() for tensor in seen.values()) // len(images)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "spherenet20"])
@pytest.mark.parametrize("stem", ["small", "imagenet"])
@pytest.mark.parametrize("last_stride", [1, 2])
def test_activations_are_what_autograd_keeps(name, stem, last_stride):
    model = backbone(name, 0.25, stem=stem, last_stride=last_stride).train()
    images = torch.zeros(3, 3, *SIZE)
    assert 4 * count(model, SIZE).activations == kept_for_backward(model, images)
    groups = groups_of(model, frozen=())
    channel_map = random_map(groups, name)
    found = costs_with(layers_of(model, SIZE), groups, channel_map.kept_widths)
    assert 4 * found.activations == kept_for_backward(narrowed(model, groups, channel_map), images)


def test_without_the_head_nothing_is_kept_of_it():
    model = backbone("resnet18", 0.25)
    trunk = nn.Sequential(model.conv1, model.bn1, nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1))
    trunk.extend((model.layer1, model.layer2, model.layer3, model.layer4))
    assert count(model, SIZE, include_head=False) == count(trunk, SIZE)


class Counted(nn.Sequential):
    """All that torch-pruning's counter counts."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 5),
        )


def test_agrees_with_torch_pruning_but_for_what_it_counts_besides():
    pruning = pytest.importorskip("torch_pruning", reason="the cross-check needs the extra `pruning`")
    model = Counted()
    macs, params = pruning.utils.count_ops_and_params(model, torch.zeros(1, 3, 8, 6))
    first, second = 4 * 48, 6 * 12  # values of the feature maps
    biases, norms, rectifiers, pools = first + 5, 2 * (first + second), first + second, first + second
    costs = count(model, (8, 6))
    assert macs - costs.macs == biases + norms + rectifiers + pools
    assert params == costs.params


def test_resnet50_agrees_with_torch_pruning():
    """Our networks rectify and pool by functions, which its counter doesn't see: BatchNorm is all that is left."""
    pruning = pytest.importorskip("torch_pruning", reason="the cross-check needs the extra `pruning`")
    model = backbone("resnet50", last_stride=2)
    for module in model.modules():
        if type(module).__name__ == "Shortcut":
            module.__class__ = nn.Conv2d  # it counts layers by their exact type
    macs, params = pruning.utils.count_ops_and_params(model, torch.zeros(1, 3, 64, 32))
    layers = layers_of(model, (64, 32))
    norms = sum(2 * layer.output_elements for layer in layers if layer.kind == "norm")
    assert macs == total(layers).macs + norms
    assert params == total(layers).params


def test_counting_leaves_the_model_alone():
    model = backbone("resnet10").train()
    model.layer1.eval()
    modes = [module.training for module in model.modules()]
    state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    count(model, SIZE)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, state[key]) for key, tensor in model.state_dict().items())
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_failed_pass_leaves_no_hooks():
    model = backbone("spherenet20")
    with pytest.raises(ValueError, match="for images of 32 x 32, found 64 x 32"):
        count(model, (64, 32))
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_is_used_twice_has_its_parameters_once():
    layer = nn.Conv2d(3, 3, 3, padding=1, bias=False)
    costs = count(nn.Sequential(layer, layer), (4, 4))
    assert (costs.macs, costs.params) == (2 * 81 * 16, 81)


def test_a_layer_that_is_never_used_has_parameters_alone():
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False))
    model[0].add_module("idle", nn.Linear(5, 4))
    assert count(model, (2, 2)) == Costs(6 * 4, 6 + 24, 12, 12 + 8)


def test_a_feature_map_that_two_layers_read_is_kept_once():
    branches = nn.Module()
    branches.first, branches.second = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 4, 1)
    branches.forward = lambda x: torch.cat([branches.first(x), branches.second(x)], 1)
    assert count(branches, (5, 1)).activations == 15


def test_parameters_of_all_layers_add_up():
    for model, size in ((MiniResidual(), (16, 8)), (Separable(), (8, 8))):
        parts = list(accumulate(layer.params for layer in layers_of(model, size)))
        assert parts[-1] == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("odd", [nn.GroupNorm(1, 4), nn.ConvTranspose2d(4, 4, 2), nn.LayerNorm(4)])
def test_refuses_layers_that_it_can_not_count(odd):
    with pytest.raises(ValueError, match=f"can't count the costs of 1: .* found {type(odd).__name__}"):
        count(nn.Sequential(nn.Conv2d(3, 4, 1), odd), (4, 4))


def test_refuses_what_is_not_there():
    with pytest.raises(ValueError, match="the model has no module classifier"):
        layers_of(MiniResidual(), (16, 8), without=("classifier",))
    with pytest.raises(ValueError, match=r"one of macs, params, .*found flops"):
        impacts(MiniResidual(), MINI_GROUPS, (16, 8), resources=("flops",))
    with pytest.raises(ValueError, match="found 0 and 1"):
        count(MiniResidual(), (16, 8)).training_memory(0)
    with pytest.raises(ValueError, match="layer conv1 has 4 channels, expected 5"):
        impacts(MiniResidual(), with_widths(MINI_GROUPS, {"conv1": 5}), (16, 8))
    with pytest.raises(ValueError, match="consumes no macs"):
        impacts(nn.Sequential(nn.PReLU(3)), (), (2, 2), resources=("macs",))
