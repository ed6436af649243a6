"""ResNets for re-identification: a trunk with torchvision's parameter names, and an embedding head.

He et al., Deep residual learning for image recognition, CVPR 2016. In a bottleneck, as in torchvision, the stride is
on the 3x3 convolution. A last stride of 1 is from Luo et al., Bag of tricks and a strong baseline for deep person
re-identification, CVPRW 2019.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fedreid.scenario.schema import ModelSettings

STAGE_CHANNELS = (64, 128, 256, 512)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside an identity (or, where the shape changes, a 1x1 convolution)."""

    expansion: ClassVar[int] = 1

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(inputs, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = F.relu_(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        return F.relu_(x.add_(identity))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions; four times as many channels come out."""

    expansion: ClassVar[int] = 4

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = channels * self.expansion
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = F.relu_(self.bn1(self.conv1(x)))
        x = F.relu_(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return F.relu_(x.add_(identity))


DEPTHS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    "resnet10": (BasicBlock, (1, 1, 1, 1)),
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """(batch, 3, height, width) images -> (batch, embedding_dim) signed embeddings.

    The embedding is the global average of the last feature map, projected and batch-normalised, with no rectifier
    behind: cosines between strangers are then around zero.
    """

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        block, depths = DEPTHS[settings.backbone]
        channels = [scaled(stage, settings.width) for stage in STAGE_CHANNELS]
        self.has_imagenet_stem = settings.stem == "imagenet"
        kernel, stride = (7, 2) if self.has_imagenet_stem else (3, 1)
        self.conv1 = nn.Conv2d(3, channels[0], kernel, stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        inputs = channels[0]
        for number, (width, depth, stride) in enumerate(
            zip(channels, depths, (1, 2, 2, settings.last_stride), strict=True)
        ):
            self.add_module(f"layer{number + 1}", stage(block, inputs, width, depth, stride))
            inputs = width * block.expansion
        self.embedding = nn.Linear(inputs, settings.embedding_dim, bias=False)  # the BatchNorm behind has a shift
        self.embedding_bn = nn.BatchNorm1d(settings.embedding_dim)
        self.embedding_dim = settings.embedding_dim

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu_(self.bn1(self.conv1(x)))
        if self.has_imagenet_stem:
            x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.embedding_bn(self.embedding(x.mean((2, 3))))

    def initialise(self, generator: torch.Generator) -> None:
        """He et al., Delving deep into rectifiers, ICCV 2015, for convolutions; BatchNorm starts as the identity."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=generator)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.reset_parameters()


def stage(
    block: type[BasicBlock] | type[Bottleneck], inputs: int, channels: int, depth: int, stride: int
) -> nn.Sequential:
    """Residual blocks at one resolution; the first one has the stride."""
    first = block(inputs, channels, stride)
    return nn.Sequential(first, *(block(channels * block.expansion, channels, 1) for _ in range(depth - 1)))


class Shortcut(nn.Conv2d):
    """A 1x1 convolution with a stride, computed as subsampling and then stride 1, which is the same thing.

    oneDNN's own backward pass of it (torch 2.13, channels last, 8 input channels, an odd batch, several threads)
    writes outside its memory and crashes the process.
    """

    def forward(self, x: Tensor) -> Tensor:
        step = self.stride[0]
        return F.conv2d(x[..., ::step, ::step].contiguous(memory_format=torch.channels_last), self.weight)


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """What stands in for the identity where a block changes the shape."""
    if inputs == outputs and stride == 1:
        return None
    return nn.Sequential(Shortcut(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


def scaled(channels: int, width: float) -> int:
    """Channels times the width factor, to the nearest multiple of 8 (what vector units like), at least 8."""
    return max(8, round(channels * width / 8) * 8)
