"""BatchNorm scale: a channel matters as much as its BatchNorm amplifies it."""

from __future__ import annotations

from torch import Tensor


def bn_scale(scale: Tensor) -> Tensor:
    """|γ| of each channel. Larger: keep.

    Liu et al., Learning efficient convolutional networks through network slimming, ICCV 2017, without their penalty
    while training: a baseline only.

    Args:
        scale: (channels,), a BatchNorm's weight.

    Raises:
        ValueError: not one value for each channel.
    """
    if scale.ndim != 1 or not scale.numel():
        raise ValueError(f"expected a BatchNorm weight of shape (channels,), found {tuple(scale.shape)}")
    return scale.detach().abs()
