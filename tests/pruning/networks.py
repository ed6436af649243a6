"""Small and published networks for the tests of pruning, with their channel groups written down by hand."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedreid.models import build_backbone
from fedreid.models.build import Backbone
from fedreid.pruning import ChannelGroup, ChannelMap, full_map
from fedreid.scenario.schema import ModelSettings

SIZE = (32, 32)


def settings_of(name: str, width: float = 0.125, **others: object) -> ModelSettings:
    return ModelSettings.model_validate({"backbone": name, "width": width, "embedding_dim": 8, **others})


def backbone(name: str, width: float = 0.125, **others: object) -> Backbone:
    return build_backbone(settings_of(name, width, **others), image_size=SIZE)


def random_map(groups: tuple[ChannelGroup, ...], architecture: str, seed: int = 0) -> ChannelMap:
    """About half the channels of each group, at least one."""
    generator = np.random.default_rng(seed)
    gone = {
        group.name: generator.choice(group.width, generator.integers(group.width), replace=False) for group in groups
    }
    return full_map(groups, architecture).without(gone)


def with_statistics(model: nn.Module, seed: int = 0) -> nn.Module:
    """A model whose BatchNorms don't start as the identity, in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return model.eval()


class MiniResidual(nn.Module):
    """Worked example O5: for 16 x 8 images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv_a, self.bn_a = nn.Conv2d(4, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2)
        self.conv_b, self.bn_b = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv_c, self.bn_c = nn.Conv2d(4, 5, 1, stride=2, bias=False), nn.BatchNorm2d(5)
        self.fc = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(x + self.bn_b(self.conv_b(F.relu(self.bn_a(self.conv_a(x))))))
        return self.fc(F.relu(self.bn_c(self.conv_c(x))).mean((2, 3)))


MINI_GROUPS = (
    ChannelGroup("conv1", 4, ("conv1", "conv_b"), ("conv_a", "conv_c"), batchnorms=("bn1", "bn_b")),
    ChannelGroup("conv_a", 2, ("conv_a",), ("conv_b",), batchnorms=("bn_a",)),
    ChannelGroup("conv_c", 5, ("conv_c",), ("fc",), batchnorms=("bn_c",)),
)


class Separable(nn.Module):
    """A depthwise convolution between two others, PReLUs, and a linear layer behind the flattened 4 x 4 map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.slope = nn.Conv2d(3, 6, 3, padding=1), nn.PReLU(6)
        self.depthwise, self.bn = nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False), nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 5, 1)
        self.fc = nn.Linear(5 * 16, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.depthwise(self.slope(self.conv1(x))))
        return self.fc(F.relu(self.conv2(x)).flatten(1))


SEPARABLE_GROUPS = (
    ChannelGroup("conv1", 6, ("conv1",), ("conv2",), batchnorms=("bn",), depthwise=("depthwise",), slopes=("slope",)),
    ChannelGroup("conv2", 5, ("conv2",), ("fc",), positions={"fc": 16}),
)


def chain(
    widths: list[int], inputs: int, *, bias: bool, pooled: frozenset[int] = frozenset()
) -> OrderedDict[str, nn.Module]:
    """3x3 convolutions one behind the other, with pooling behind some of them."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, width in enumerate(widths):
        layers[f"conv{number}"] = nn.Conv2d(inputs, width, 3, padding=1, bias=bias)
        if number in pooled:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        inputs = width
    return layers


def chained_groups(widths: list[int], behind: str) -> tuple[ChannelGroup, ...]:
    """A group for each convolution of a chain."""
    followers = [f"conv{number}" for number in range(1, len(widths))] + [behind]
    return tuple(
        ChannelGroup(f"conv{number}", width, (f"conv{number}",), (follower,))
        for number, (width, follower) in enumerate(zip(widths, followers, strict=True))
    )


def vdsr() -> tuple[nn.Module, tuple[ChannelGroup, ...]]:
    """Kim et al., CVPR 2016: 20 layers with biases on gray images; the last isn't pruned."""
    return nn.Sequential(chain([64] * 19 + [1], 1, bias=True)), chained_groups([64] * 19, "conv19")


def vgg19() -> tuple[nn.Module, tuple[ChannelGroup, ...]]:
    """VGG-19 for CIFAR-10, without BatchNorm and biases; its 16th convolution isn't pruned."""
    widths = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    layers = chain(widths, 3, bias=False, pooled=frozenset({1, 3, 7, 11, 15}))
    layers |= {"flatten": nn.Flatten(), "fc": nn.Linear(512, 10, bias=False)}
    return nn.Sequential(layers), chained_groups(widths[:-1], "conv15")


class PlainBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.shortcut(x))


def resnet32() -> tuple[nn.Module, tuple[ChannelGroup, ...]]:
    """ResNet-32 of chapter 5 by its rules, without BatchNorm.

    Outside of the blocks only what ends a stage's first block narrows. The identity behind such a block is padded
    with zeros, so that only the next block's first layer reads fewer.
    """
    stages = [(32, 32), (32, 64), (64, 128)]
    blocks: OrderedDict[str, nn.Module] = OrderedDict(stem=nn.Conv2d(3, 32, 3, padding=1, bias=False))
    groups = []
    for number, (inputs, outputs) in enumerate(stages):
        for position in range(5):
            name = f"block{number}{position}"
            blocks[name] = PlainBlock(inputs if position == 0 else outputs, outputs)
            groups.append(ChannelGroup(name, outputs, (f"{name}.conv1",), (f"{name}.conv2",)))
        if inputs != outputs:
            first, second = f"block{number}0", f"block{number}1"
            producers = (f"{first}.conv2", f"{first}.shortcut")
            groups.append(ChannelGroup(f"stage{number}", outputs, producers, (f"{second}.conv1",)))
    blocks |= {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(128, 10, bias=False)}
    return nn.Sequential(blocks), tuple(groups)
