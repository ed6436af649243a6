"""The cost model against hand counts and published tables (worked examples O5 and O11)."""

from __future__ import annotations

import math

import pytest

from fedreid.models import build_backbone
from fedreid.pruning import Costs, costs_with, count, full_map, groups_of, impacts, layers_of, narrow, savings, total
from tests.pruning.networks import MINI_GROUPS, MiniResidual, Separable, resnet32, settings_of, vdsr, vgg19

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


def test_a_hand_count_with_depthwise_slopes_and_flattened_maps():
    """8 x 8 images; 4 x 4 positions behind the depthwise convolution."""
    costs = count(Separable(), (8, 8))
    macs = [3 * 9 * 6 * 64, 9 * 6 * 16, 6 * 5 * 16, 80 * 7]
    params = [3 * 9 * 6 + 6, 6, 9 * 6, 2 * 6, 6 * 5 + 5, 80 * 7 + 7]
    kept = [3 * 64, 6 * 64, 6 * 64, 6 * 16, 6 * 16, 80]  # for conv1, slope, depthwise, bn, conv2 and the rectifier
    kept.append(80)  # for fc: flattening a channels-last map copies it
    assert costs == Costs(sum(macs), sum(params), sum(kept), 2 * 6 * 64)


def test_early_stages_save_multiplications_and_late_ones_parameters(resnet50):
    layers, groups = resnet50
    saved, names = savings(layers, groups), ["layer1.1.conv2", "layer2.1.conv2", "layer3.1.conv2", "layer4.1.conv2"]
    for chain in (["layer1", "layer2", "layer3"], names):
        macs, params = [saved[name].macs for name in chain], [saved[name].params for name in chain]
        assert macs == sorted(macs, reverse=True)
        assert params == sorted(params)
