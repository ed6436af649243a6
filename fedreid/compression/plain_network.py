"""A pruned fedreid backbone with torch and safetensors alone; this file is all the code that it takes.

    from network import load, normalised
    model = load("model.safetensors")
    embeddings = model(normalised(images))      # (batch, height, width, 3) uint8, RGB -> (batch, dim)

Compare embeddings by their cosine. Widths are read off the file, so that any pruned network loads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def load(path: str) -> nn.Module:
    """The network in evaluation mode, on the CPU."""
    with safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
        settings = json.loads(file.metadata()["network"])
    is_sphere = settings["backbone"].startswith("spherenet")
    model: nn.Module = SphereNet(weights) if is_sphere else ResNet(weights, settings["stem"], settings["last_stride"])
    model.load_state_dict(weights)
    return model.eval()


def normalised(images: Tensor) -> Tensor:
    """(batch, height, width, 3) uint8 of the size that the network was trained with -> what it takes."""
    pixels = images.permute(0, 3, 1, 2).float() / 255
    return (pixels - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def convolution(weights: Mapping[str, Tensor], name: str, stride: int = 1) -> nn.Conv2d:
    """As wide and large as its weights."""
    outputs, inputs, kernel, _ = weights[f"{name}.weight"].shape
    has_bias = f"{name}.bias" in weights
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=has_bias)


def count(weights: Mapping[str, Tensor], prefix: str) -> int:
    """Blocks of a stage."""
    return len({name[len(prefix) :].split(".")[0] for name in weights if name.startswith(prefix)})


class Block(nn.Module):
    """Two or three convolutions beside an identity; the stride is on the last but one."""

    def __init__(self, weights: Mapping[str, Tensor], prefix: str, stride: int) -> None:
        super().__init__()
        self.depth = 3 if f"{prefix}conv3.weight" in weights else 2
        for number in range(1, self.depth + 1):
            layer = convolution(weights, f"{prefix}conv{number}", stride if number == self.depth - 1 else 1)
            self.add_module(f"conv{number}", layer)
            self.add_module(f"bn{number}", nn.BatchNorm2d(layer.out_channels))
        self.downsample = None
        if f"{prefix}downsample.0.weight" in weights:
            layer = convolution(weights, f"{prefix}downsample.0", stride)
            self.downsample = nn.Sequential(layer, nn.BatchNorm2d(layer.out_channels))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        for number in range(1, self.depth + 1):
            x = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(x))
            x = F.relu(x) if number < self.depth else x
        return F.relu(x + identity)


class ResNet(nn.Module):
    """(batch, 3, height, width) -> (batch, dim)."""

    def __init__(self, weights: Mapping[str, Tensor], stem: str, last_stride: int) -> None:
        super().__init__()
        self.has_pool = stem == "imagenet"
        self.conv1 = convolution(weights, "conv1", 2 if self.has_pool else 1)
        self.bn1 = nn.BatchNorm2d(self.conv1.out_channels)
        for number, stride in zip((1, 2, 3, 4), (1, 2, 2, last_stride), strict=True):
            prefix = f"layer{number}."
            depth = count(weights, prefix)
            blocks = [Block(weights, f"{prefix}{place}.", stride if place == 0 else 1) for place in range(depth)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        dim, inputs = weights["embedding.weight"].shape
        self.embedding, self.embedding_bn = nn.Linear(inputs, dim, bias=False), nn.BatchNorm1d(dim)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, stride=2, padding=1) if self.has_pool else x
        for number in (1, 2, 3, 4):
            x = self.get_submodule(f"layer{number}")(x)
        return self.embedding_bn(self.embedding(x.mean((2, 3))))


class SphereBlock(nn.Module):
    """Two convolutions with a PReLU behind each, beside an identity."""

    def __init__(self, weights: Mapping[str, Tensor], prefix: str) -> None:
        super().__init__()
        self.conv1, self.conv2 = (convolution(weights, f"{prefix}conv{number}") for number in (1, 2))
        self.prelu1, self.prelu2 = nn.PReLU(self.conv1.out_channels), nn.PReLU(self.conv2.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.prelu2(self.conv2(self.prelu1(self.conv1(x))))


class SphereNet(nn.Module):
    """(batch, 3, height, width), of the one size that it is for, -> (batch, dim)."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        for number in (1, 2, 3, 4):
            prefix, stage = f"stage{number}.", nn.Module()
            stage.conv = convolution(weights, f"{prefix}conv", 2)
            stage.prelu = nn.PReLU(stage.conv.out_channels)
            depth = count(weights, f"{prefix}blocks.")
            stage.blocks = nn.Sequential(*(SphereBlock(weights, f"{prefix}blocks.{place}.") for place in range(depth)))
            self.add_module(f"stage{number}", stage)
        dim, inputs = weights["embedding.weight"].shape
        self.embedding = nn.Linear(inputs, dim)

    def forward(self, x: Tensor) -> Tensor:
        for number in (1, 2, 3, 4):
            for name in ("conv", "prelu", "blocks"):
                x = self.get_submodule(f"stage{number}.{name}")(x)
        return self.embedding(x.flatten(1))
