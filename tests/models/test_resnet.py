"""Backbones: torchvision's trunks by name and size, signed embeddings, no global randomness."""

from __future__ import annotations

import pytest
import torch

from fedreid.models import build_backbone
from fedreid.models.resnet import scaled
from fedreid.scenario.schema import ModelSettings

SMALL = ModelSettings(backbone="resnet10", width=0.125, stem="small", embedding_dim=16)
# Published parameter counts of torchvision's networks, and of their 1000-class classifier: (inputs + 1) * 1000.
TORCHVISION = {"resnet18": (11_689_512, 512), "resnet34": (21_797_672, 512), "resnet50": (25_557_032, 2048)}


def trunk_parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for name, p in model.named_parameters() if not name.startswith("embedding"))


@pytest.mark.parametrize("name", TORCHVISION)
def test_full_trunks_have_as_many_parameters_as_torchvisions(name):
    total, features = TORCHVISION[name]
    model = build_backbone(ModelSettings(backbone=name))
    assert trunk_parameters(model) == total - (features + 1) * 1000


def test_names_are_torchvisions():
    names = set(build_backbone(ModelSettings(backbone="resnet18", width=0.125)).state_dict())
    assert {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv1.weight",
        "layer1.1.bn2.bias",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_var",
        "layer4.1.conv2.weight",
    } <= names
    assert not any(name.startswith(("layer1.0.downsample", "fc.")) for name in names)
    assert (
        "layer1.0.downsample.0.weight" in build_backbone(ModelSettings(backbone="resnet50", width=0.125)).state_dict()
    )


@pytest.mark.parametrize("backbone", ["resnet10", "resnet18", "resnet34", "resnet50"])
@pytest.mark.parametrize("stem", ["imagenet", "small"])
def test_images_become_signed_embeddings(backbone, stem):
    model = build_backbone(ModelSettings(backbone=backbone, width=0.125, stem=stem, embedding_dim=24))
    embeddings = model(torch.randn(6, 3, 64, 32, generator=torch.Generator().manual_seed(0)))
    assert embeddings.shape == (6, 24)
    assert model.embedding_dim == 24
    assert 0.3 < (embeddings > 0).float().mean() < 0.7


@pytest.mark.parametrize(
    ("stem", "last_stride", "expected"),
    [("imagenet", 2, (4, 2)), ("imagenet", 1, (8, 4)), ("small", 2, (16, 8)), ("small", 1, (32, 16))],
)
def test_resolution_of_the_last_stage(stem, last_stride, expected):
    """128 x 64 images: an ImageNet stem divides by 4, stages 2 to 4 by 2 each unless the last stride is 1."""
    model = build_backbone(SMALL.model_copy(update={"stem": stem, "last_stride": last_stride}))
    seen = []
    model.layer4.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[2:])))
    model(torch.zeros(2, 3, 128, 64))
    assert seen == [expected]


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [(64, 1.0, 64), (64, 0.25, 16), (64, 0.3, 16), (64, 0.32, 24), (64, 0.01, 8), (512, 0.125, 64), (64, 1.5, 96)],
)
def test_widths_are_multiples_of_eight(channels, width, expected):
    assert scaled(channels, width) == expected


def test_weights_come_from_the_generator_only():
    before = torch.random.get_rng_state()
    first = build_backbone(SMALL, generator=torch.Generator().manual_seed(7)).state_dict()
    again = build_backbone(SMALL, generator=torch.Generator().manual_seed(7)).state_dict()
    other = build_backbone(SMALL, generator=torch.Generator().manual_seed(8)).state_dict()
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_starts_like_he_and_normalises_by_nothing():
    state = build_backbone(ModelSettings(backbone="resnet18")).state_dict()
    # He: variance 2 / (outputs * kernel area).
    assert state["layer3.0.conv2.weight"].std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)
    for name, expected in {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}.items():
        assert torch.all(state[f"layer3.0.bn2.{name}"] == expected)


def test_convolutions_are_channels_last():
    weight = build_backbone(SMALL).get_parameter("layer2.0.conv1.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_every_parameter_learns():
    model = build_backbone(SMALL)
    embeddings = model(torch.randn(8, 3, 32, 16, generator=torch.Generator().manual_seed(0)))
    (embeddings * torch.randn(16, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
