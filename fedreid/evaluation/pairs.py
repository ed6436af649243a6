"""Which pairs verification looks at: those of one client's people, or those of queries and a gallery."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Literal, get_args

import numpy as np

from fedreid.evaluation.pair_scores import Features, Integers, Region, Side

Impostors = Literal["all", "cross_client"]


@dataclass(frozen=True)
class PairSet:
    """Genuine and impostor pairs.

    Attributes:
        among: where the genuine pairs are.
        impostors_in: where the impostor pairs are; no pair is in two of them.
        genuine, impostors: how many there are.
    """

    among: Region
    impostors_in: tuple[Region, ...]
    genuine: int
    impostors: int


def own_pairs(features: Features, ids: Integers, others: Features, *, impostors: Impostors = "all") -> PairSet:
    """The pairs of one client's images, all embedded by its own model.

    Genuine: two of its images of one identity. Impostors: one of its images and one of another client; with "all",
    also two of its images of different identities. (The dissertation describes the first kind only, but counts both.)

    Args:
        features: (own, dim) of the client's images.
        ids: (own,) their identities.
        others: (n, dim) of the images of all other clients, whose people are others.

    Raises:
        ValueError: shapes that don't agree, features that aren't finite, or an unknown kind of impostors.
    """
    if impostors not in get_args(Impostors):
        raise ValueError(f"impostors must be one of {', '.join(get_args(Impostors))}; found {impostors!r}")
    own = Side.of("own", features, ids)
    strangers = np.full(len(others), own.ids.min(initial=0) - 1)  # a number that none of them has
    within, across = Region(own, own, unordered=True), Region(own, Side.of("others'", others, strangers))
    genuine = sum(comb(int(count), 2) for count in np.unique(own.ids, return_counts=True)[1])
    within_impostors = comb(len(own), 2) - genuine if impostors == "all" else 0
    regions = (within, across) if impostors == "all" else (across,)
    return PairSet(within, regions, genuine, within_impostors + len(own) * len(across.right))


def search_pairs(
    query_features: Features,
    query_ids: Integers,
    query_cameras: Integers,
    gallery_features: Features,
    gallery_ids: Integers,
    gallery_cameras: Integers,
) -> PairSet:
    """The pairs of a query and a gallery image.

    Genuine: one identity, two cameras. Impostors: two identities; a distractor, of an identity that no query has, is
    an impostor for all of them. Pairs of one identity and one camera are neither.

    Args:
        query_features, gallery_features: (n, dim).
        query_ids, gallery_ids: (n,) integers.
        query_cameras, gallery_cameras: (n,) integers; an image of unknown camera has a negative number of its own.

    Raises:
        ValueError: shapes that don't agree, or features that aren't finite.
    """
    query = Side.of("query", query_features, query_ids, query_cameras)
    gallery = Side.of("gallery", gallery_features, gallery_ids, gallery_cameras)
    region = Region(query, gallery)
    of_one_identity = agreeing_pairs(query.ids, gallery.ids)
    of_one_camera = agreeing_pairs(*(np.stack([side.ids, side.cameras], axis=1) for side in (query, gallery)))
    impostors = len(query) * len(gallery) - of_one_identity
    return PairSet(region, (region,), of_one_identity - of_one_camera, impostors)


def agreeing_pairs(left: np.ndarray, right: np.ndarray) -> int:
    """How many pairs of a left and a right label, (n,) or (n, parts), agree."""
    kinds, inverse = np.unique(np.concatenate([left, right]), axis=0, return_inverse=True)
    inverse = inverse.ravel()
    counts = [np.bincount(side, minlength=len(kinds)) for side in (inverse[: len(left)], inverse[len(left) :])]
    return int(counts[0] @ counts[1])


@dataclass(frozen=True)
class PairCounts:
    """Pairs of one client's test images."""

    genuine: int
    within_client: int
    cross_client: int


def pair_counts(clients: int, identities: int, images: int) -> PairCounts:
    """What `own_pairs` has to find in a federation whose clients have equally many identities and test images each."""
    return PairCounts(
        genuine=identities * comb(images, 2),
        within_client=comb(identities, 2) * images**2,
        cross_client=identities * images * (clients - 1) * identities * images,
    )
