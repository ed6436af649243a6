"""Who is searched among whom: the generic test sets, and a client's own people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from fedreid.evaluation.embedding import embed
from fedreid.evaluation.ranking import Ranking, rank

if TYPE_CHECKING:
    from fedreid.data.image_set import ImageSet


def evaluate_generic(
    model: nn.Module,
    generic: Mapping[str, tuple[ImageSet, ImageSet]],
    *,
    batch_size: int,
    device: torch.device | str,
    bf16: bool = False,
) -> dict[str, Ranking]:
    """Rank every dataset's queries in its gallery.

    Args:
        generic: (query, gallery) by dataset.
    """
    found = {}
    for dataset, (query, gallery) in generic.items():
        query_features, gallery_features = (
            embed(model, images, batch_size=batch_size, device=device, bf16=bf16) for images in (query, gallery)
        )
        found[dataset] = rank(
            query_features, query.identities, query.cameras, gallery_features, gallery.identities, gallery.cameras
        )
    return found


def rank_own(
    features: np.ndarray | Tensor, ids: np.ndarray, cameras: np.ndarray, *, ranks: tuple[int, ...] = (1, 5, 10)
) -> Ranking:
    """Every image of a set as a query among all the others of that set: how well one client's people are told apart.

    As in the generic protocol, images of the query's identity and camera (so also the query itself) are left out. In
    a set that saw only one camera nothing would be left to find; there only the query itself is left out.
    """
    if len(np.unique(cameras)) == 1:
        cameras = np.arange(len(ids))  # as if each image had a camera of its own
    return rank(features, ids, cameras, features, ids, cameras, ranks=ranks)


def percent_metrics(ranking: Ranking) -> dict[str, float]:
    """mAP, rank1, rank5, rank10 and mINP in percent; queries and skipped as counts."""
    return {
        "mAP": 100 * ranking.mAP,
        **{f"rank{rank}": 100 * share for rank, share in ranking.cmc.items()},
        "mINP": 100 * ranking.mINP,
        "queries": ranking.queries,
        "skipped": ranking.skipped,
    }
