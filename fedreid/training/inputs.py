"""From decoded images to a network's input."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# Mean and standard deviation of ImageNet's channels, which torchvision's weights were trained with.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def to_input(images: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Images as they lie in the cache -> what a backbone takes.

    Args:
        images: (batch, height, width, 3) uint8, C-contiguous.

    Returns:
        (batch, 3, height, width) float32 on the device, channels last, each channel normalised.
    """
    device = torch.device(device)
    shift, scale = _normalisation(images.shape[1], images.shape[2], device)
    pixels = _as_tensor(images).to(device, non_blocking=True).permute(0, 3, 1, 2)  # bytes travel, not floats
    return torch.sub(pixels, shift).mul_(scale)


@lru_cache(maxsize=8)
def _normalisation(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Per-pixel copies of mean and 1/std: broadcasting over three interleaved channels would be far slower."""
    both = []
    for values in (np.multiply(MEAN, 255), np.divide(1, np.multiply(STD, 255))):
        image = torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1).expand(1, 3, height, width)
        both.append(image.contiguous(memory_format=torch.channels_last).to(device))
    return both[0], both[1]


def _as_tensor(images: np.ndarray) -> Tensor:
    if images.flags.writeable:
        return torch.from_numpy(images)
    with warnings.catch_warnings():  # a read-only view of the cache: only read here
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(images)
