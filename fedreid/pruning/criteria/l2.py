"""L2: the Euclidean length of a filter."""

from __future__ import annotations

from torch import Tensor

from fedreid.pruning.criteria.filters import flat_filters


def l2(weight: Tensor) -> Tensor:
    """Square root of the sum over a filter's coefficients of w². Larger: keep.

    He et al., Soft filter pruning for accelerating deep convolutional neural networks, IJCAI 2018. It ranks the filters
    of one layer only. Filters (1, -2, 3, -4) and (.5, .5, -.5, .5) score 5.477226 and 1.

    Args:
        weight: (filters, ...) of a convolution or a linear layer.

    Raises:
        ValueError: no filter, or filters without a coefficient.
    """
    return flat_filters(weight).square().sum(1).sqrt()
