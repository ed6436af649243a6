"""BatchNorm statistics measured again, for a model whose clients keep theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fedreid.training.inputs import to_input

if TYPE_CHECKING:
    from fedreid.data.image_set import ImageSet


@torch.no_grad()
def recalibrate_batchnorm(
    model: nn.Module, images: ImageSet, *, batch_size: int, device: torch.device, most: int = 2048
) -> None:
    """Replace running means and variances by those of some images; no other tensor changes.

    Args:
        images: evenly spaced ones are used, without augmentation.
        most: how many at most.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    chosen = np.unique(np.linspace(0, len(images) - 1, min(most, len(images))).astype(np.int64))
    for layer in layers:
        layer.reset_running_stats()
    model.train()
    for number, start in enumerate(range(0, len(chosen), batch_size), start=1):
        batch = chosen[start : start + batch_size]
        if len(batch) < 2:  # one image has no variance
            break
        for layer in layers:
            layer.momentum = 1 / number  # a plain mean over batches
        model(to_input(images.batch(batch), device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)
