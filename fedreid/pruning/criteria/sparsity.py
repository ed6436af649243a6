"""Filter sparsity: the share of a filter's coefficients that are small for its layer."""

from __future__ import annotations

from torch import Tensor

from fedreid.pruning.criteria.filters import flat_filters


def sparsity(weight: Tensor) -> Tensor:
    """1 - S(n), with S(n) the share of filter n's coefficients that are below the layer's mean |w|. Larger: keep.

    Eqs. 5.1 and 5.2 of the dissertation, where the filters of the largest S go first; turned round here because every
    criterion of this package returns more for what is to stay. "Below" is strict: in a layer of equal coefficients no
    filter is sparse. The mean is that of the weights as they are now, pruned and retrained. In a layer whose mean |w|
    is 1.825, the filters (1, -2, 3, -4) and (6, 0, 0, 0) have S = .25 and .75.

    Args:
        weight: (filters, ...) of a convolution or a linear layer.

    Returns:
        (filters,) from 0 to 1.

    Raises:
        ValueError: no filter, or filters without a coefficient.
    """
    filters = flat_filters(weight)
    magnitudes = filters.abs().double()  # equal float32 coefficients then average to exactly themselves
    return (magnitudes >= magnitudes.mean()).to(filters.dtype).mean(1)
