"""Any backbone, by the name that a scenario gives it."""

from __future__ import annotations

import torch

from fedreid.models.resnet import ResNet
from fedreid.models.spherenet import SPHERENET_DEPTHS, SphereNet
from fedreid.scenario.schema import ModelSettings

Backbone = ResNet | SphereNet


def build_backbone(
    settings: ModelSettings, *, image_size: tuple[int, int] | None = None, generator: torch.Generator | None = None
) -> Backbone:
    """A randomly initialised backbone on the CPU, channels last.

    Args:
        settings: the scenario's `model`; its `weights` file is loaded by `load_imagenet_weights`, not here.
        image_size: height and width of the images, the scenario's `data.image_size`. A ResNet takes any size and
            doesn't need it.
        generator: draws the weights; None: one seeded with 0.

    Raises:
        ValueError: a SphereNet without a size, or with one that it can't take.
    """
    with torch.device("meta"):  # torch's own initialisation would draw from the global stream
        model = empty_network(settings, image_size)
    model.to_empty(device="cpu")
    model.initialise(generator or torch.Generator().manual_seed(0))
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def empty_network(settings: ModelSettings, image_size: tuple[int, int] | None) -> Backbone:
    """A backbone with the values that torch gives it; on the meta device, with none at all.

    Raises:
        ValueError: a SphereNet without a size, or with one that it can't take.
    """
    if settings.backbone not in SPHERENET_DEPTHS:
        return ResNet(settings)
    if image_size is None:
        raise ValueError(
            f"{settings.backbone} is made for one image size: give image_size, the scenario's data.image_size"
        )
    return SphereNet(settings, image_size)
