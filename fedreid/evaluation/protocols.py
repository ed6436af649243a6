"""Who is searched among whom, or compared with whom: the generic test sets, and a client's own people."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from fedreid.data.generic_test import FaceTest
from fedreid.evaluation.face_scores import face_scores
from fedreid.evaluation.open_set import generic_metrics
from fedreid.evaluation.ranking import Ranking, rank
from fedreid.headline import headline as headline

if TYPE_CHECKING:
    from fedreid.data.generic_test import GenericTest
    from fedreid.data.image_set import ImageSet
    from fedreid.scenario import Scenario


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


def search_metrics(
    query_features: np.ndarray,
    query: ImageSet,
    gallery_features: np.ndarray,
    gallery: ImageSet,
    scenario: Scenario,
    *,
    open_set: bool = False,
    keep: list[Ranking] | None = None,
) -> dict[str, float]:
    """All scores of one query and gallery, in percent, as the scenario wants them.

    Args:
        open_set: verify and identify as well.
        keep: gets the ranking, which also knows how each query was answered.
    """
    arguments = (
        query_features, query.identities, query.cameras, gallery_features, gallery.identities, gallery.cameras,
    )  # fmt: skip
    ranking = rank(*arguments)
    if keep is not None:
        keep.append(ranking)
    metrics = percent_metrics(ranking)
    if open_set:
        metrics |= generic_metrics(
            *arguments, fars=scenario.evaluation.far, fpirs=scenario.evaluation.fpir, **open_set_options(scenario)
        )
    return metrics


def scores_on(
    embed: Callable[..., np.ndarray],
    test: GenericTest | FaceTest,
    scenario: Scenario,
    *,
    open_set: bool = False,
    keep: list[Ranking] | None = None,
) -> dict[str, float]:
    """Scores of a test set as `search_metrics`; where its protocol is a mean over draws, their means. Of faces'
    pairs and templates as `face_scores`.

    Args:
        embed: images to unit features (n, d), of the model's own length with `is_unit=False`; called once.
        open_set: verify and identify as well.
        keep: gets the ranking of each draw, which also knows how each query was answered; of faces there is none.
    """
    if isinstance(test, FaceTest):
        return face_scores(embed, test, scenario, open_set=open_set)
    features = embed(test.images)
    found = []
    for draw, (query, gallery) in enumerate(test.draws):
        asked, sought = test.sets(draw)
        sides = (features[query], asked, features[gallery], sought)
        found.append(search_metrics(*sides, scenario, open_set=open_set, keep=keep))
    return {name: fmean(each[name] for each in found) for name in found[0] if all(name in each for each in found)}


def open_set_options(scenario: Scenario) -> dict[str, Any]:
    """How verification and identification are computed: the standard way, or as FedFR's published code does."""
    faithful = scenario.faithful
    return {
        "mode": "pooled" if faithful.pooled_tpir else "standard",
        "renormalise": not faithful.raw_gallery_mean,
        "binned": faithful.binned_tar,
    }
