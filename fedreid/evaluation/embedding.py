"""Embeddings of a set of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fedreid.training.inputs import to_input

if TYPE_CHECKING:
    from fedreid.data.image_set import ImageSet


@torch.inference_mode()
def embed(
    model: nn.Module,
    images: ImageSet,
    *,
    batch_size: int,
    device: torch.device | str,
    bf16: bool = False,
    is_unit: bool = True,
) -> np.ndarray:
    """(n, dim) float32 embeddings, of the images as they are: no augmentation, no mirrored copy.

    They have unit length unless `is_unit` is False. The model runs in evaluation mode, and is left in the mode it was
    in.
    """
    device = torch.device(device)
    was_training = model.training
    model.eval()
    try:
        parts = []
        for start in range(0, len(images), batch_size):
            rows = np.arange(start, min(start + batch_size, len(images)))
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                embeddings = model(to_input(images.batch(rows), device))
            parts.append((F.normalize(embeddings.float()) if is_unit else embeddings.float()).cpu())
    finally:
        model.train(was_training)
    return torch.cat(parts).numpy()
