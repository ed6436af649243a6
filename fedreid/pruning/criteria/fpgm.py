"""FPGM: a filter that lies among the others can be replaced by them."""

from __future__ import annotations

import torch
from torch import Tensor

from fedreid.pruning.criteria.filters import flat_filters
from fedreid.pruning.criteria.l2 import l2
from fedreid.pruning.selection import removal_order, whole


def fpgm(weight: Tensor) -> Tensor:
    """Sum over all filters of a layer of the Euclidean distance to them. Larger: keep.

    He et al., Filter pruning via geometric median for deep neural networks acceleration, CVPR 2019: the smallest sum is
    the filter closest to the layer's geometric median. Distances are between the weights themselves, sign included.
    Filters (0, 0), (3, 4) and (6, 8) score 15, 10 and 15: the one in the middle goes first.

    Args:
        weight: (filters, ...) of a convolution or a linear layer.

    Raises:
        ValueError: no filter, or filters without a coefficient.
    """
    filters = flat_filters(weight)
    # the fast path of cdist subtracts squares and loses the digits that tell near filters apart
    return torch.cdist(filters, filters, compute_mode="donot_use_mm_for_euclid_dist").sum(1)


def mixed_fpgm_order(weight: Tensor, *, rate_norm: float = 1.0, rate_dist: float = 0.0) -> Tensor:
    """Indices of the filters to remove, in order: by L2 first, then by FPGM among those that the norm leaves.

    The mixed mode of the FPGM paper; with `rate_norm` 1 the norm removes nothing.

    Args:
        weight: (filters, ...).
        rate_norm: the share of filters that the norm keeps.
        rate_dist: the share of all filters that the distance removes.

    Raises:
        ValueError: rates outside 0 to 1, or that leave no filter.
    """
    if not 0 < rate_norm <= 1 or not 0 <= rate_dist < 1:
        raise ValueError(f"expected 0 < rate_norm <= 1 and 0 <= rate_dist < 1, found {rate_norm} and {rate_dist}")
    count = len(weight)
    by_norm, by_distance = count - whole(count * rate_norm), whole(count * rate_dist)
    if by_norm + by_distance >= count:
        raise ValueError(f"rate_norm {rate_norm} and rate_dist {rate_dist} leave none of {count} filters")
    order = removal_order(l2(weight))
    survivors = order[by_norm:].sort().values
    distances = fpgm(weight[survivors])
    return torch.cat([order[:by_norm], survivors[removal_order(distances)[:by_distance]]])
