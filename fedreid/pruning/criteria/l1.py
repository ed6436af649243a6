"""L1: a filter matters as much as its coefficients are large."""

from __future__ import annotations

from torch import Tensor

from fedreid.pruning.criteria.filters import flat_filters


def l1(weight: Tensor) -> Tensor:
    """Sum over a filter's coefficients of |w|. Larger: keep.

    Li et al., Pruning filters for efficient ConvNets, ICLR 2017. Scales differ between layers: it ranks the filters of
    one layer only. Filters (1, -2, 3, -4) and (.5, .5, -.5, .5) score 10 and 2.

    Args:
        weight: (filters, ...) of a convolution or a linear layer.

    Raises:
        ValueError: no filter, or filters without a coefficient.
    """
    return flat_filters(weight).abs().sum(1)
