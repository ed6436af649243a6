"""SphereNets: residual networks for faces, with PReLU and without BatchNorm.

Liu et al., SphereFace: Deep hypersphere embedding for face recognition, CVPR 2017; with 64 layers FedFR's backbone.
Its second stage has 7 blocks, as in the networks that the authors of both published; 64 layers in all would make it 8.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fedreid.models.resnet import STAGE_CHANNELS, scaled
from fedreid.scenario.schema import ModelSettings

SPHERENET_DEPTHS: dict[str, tuple[int, int, int, int]] = {
    "spherenet20": (1, 2, 4, 1),
    "spherenet64": (3, 7, 16, 3),
}
REDUCTION = 16  # four stages that halve height and width
BLOCK_STD = 0.01  # of a block's weights in the authors' networks, at full width


class SphereBlock(nn.Module):
    """Two 3x3 convolutions with a PReLU behind each, beside an identity; nothing comes behind the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.prelu1 = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.prelu2 = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.prelu2(self.conv2(self.prelu1(self.conv1(x))))


class SphereStage(nn.Module):
    """A 3x3 convolution that halves the resolution, then residual blocks."""

    def __init__(self, inputs: int, channels: int, depth: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, channels, 3, stride=2, padding=1)
        self.prelu = nn.PReLU(channels)
        self.blocks = nn.Sequential(*(SphereBlock(channels) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.prelu(self.conv(x)))


class SphereNet(nn.Module):
    """(batch, 3, height, width) images of one size -> (batch, embedding_dim) signed embeddings.

    The embedding is one fully connected layer on the whole last feature map, with nothing behind it. Without BatchNorm
    it wants smaller steps than a ResNet: pre-trained at a rate of 0.02 instead of the default 0.05, 64 layers reached
    mAP 62 instead of 22 on the first site of `scenarios/quickstart.toml` (one seed).

    Args:
        settings: backbone, width and embedding_dim are used; stem and last_stride have no meaning here.
        image_size: height and width, multiples of 16.

    Raises:
        ValueError: another image size, here or in the images.
    """

    stage1: SphereStage
    stage2: SphereStage
    stage3: SphereStage
    stage4: SphereStage

    def __init__(self, settings: ModelSettings, image_size: tuple[int, int]) -> None:
        super().__init__()
        height, width = image_size
        if min(height, width) < REDUCTION or height % REDUCTION or width % REDUCTION:
            raise ValueError(f"image sides must be multiples of {REDUCTION}, found {height} x {width}")
        channels = [scaled(stage, settings.width) for stage in STAGE_CHANNELS]
        for number, (inputs, outputs, depth) in enumerate(
            zip([3, *channels], channels, SPHERENET_DEPTHS[settings.backbone], strict=False), start=1
        ):
            self.add_module(f"stage{number}", SphereStage(inputs, outputs, depth))
        positions = height // REDUCTION * (width // REDUCTION)
        self.embedding = nn.Linear(channels[-1] * positions, settings.embedding_dim)
        self.embedding_bn = nn.Identity()  # method.fedper.layers names the head of every backbone alike
        self.image_size, self.embedding_dim = (height, width), settings.embedding_dim

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[2:]) != self.image_size:
            (height, width), (found, other) = self.image_size, x.shape[2:]
            raise ValueError(f"this network is for images of {height} x {width}, found {found} x {other}")
        x = self.stage4(self.stage3(self.stage2(self.stage1(x))))
        return self.embedding_bn(self.embedding(x.flatten(1)))

    def initialise(self, generator: torch.Generator) -> None:
        """As in the authors' networks, where a block adds little at first.

        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, AISTATS 2010, for
        the layers with a bias; a normal distribution in blocks; slopes as in He et al., ICCV 2015.
        """
        for module in self.modules():
            if isinstance(module, SphereBlock):
                for convolution in (module.conv1, module.conv2):
                    nn.init.normal_(convolution.weight, std=BLOCK_STD, generator=generator)
            elif isinstance(module, nn.PReLU):
                nn.init.constant_(module.weight, 0.25)
            elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)
