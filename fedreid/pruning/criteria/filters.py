"""A layer's weight as one row for each filter, the form that every weight criterion works on."""

from __future__ import annotations

from torch import Tensor


def flat_filters(weight: Tensor) -> Tensor:
    """(filters, ...) -> (filters, coefficients), without gradients.

    Raises:
        ValueError: no filter, or filters without a coefficient.
    """
    if weight.ndim < 2 or not weight.numel():
        raise ValueError(f"expected a weight of shape (filters, inputs, ...), found {tuple(weight.shape)}")
    return weight.detach().flatten(1)
