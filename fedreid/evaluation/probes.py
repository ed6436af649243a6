"""Who is registered and who asks: the open-set search of one client's people, and that of queries and a gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedreid.evaluation.pair_scores import Features, Integers, Side, check_dimensions

IMAGES_AT_ONCE = 4096


@dataclass(frozen=True)
class ProbeSet:
    """A gallery, and probes to be searched in it.

    Attributes:
        gallery: (identities, dim) float64, one vector for each; compared as it is.
        mated: probes whose identity is in the gallery.
        mated_labels: (mated,) row of the gallery for each.
        non_mated: the other probes, in one or several parts.
    """

    gallery: np.ndarray
    mated: Side
    mated_labels: np.ndarray
    non_mated: tuple[Side, ...]

    @property
    def strangers(self) -> int:
        """Number of non-mated probes."""
        return sum(len(part) for part in self.non_mated)


def enrol(features: Features, labels: Integers, *, renormalise: bool = True) -> np.ndarray:
    """(n, dim) features -> (identities, dim) float64: the mean of each identity's features, all brought to length 1.

    Args:
        features: of any length; a zero stays zero.
        labels: (n,) integers 0 to identities - 1, each at least once.
        renormalise: bring the means to length 1, too. Without it, identities whose images differ score lower, as in
            FedFR's published code.

    Raises:
        ValueError: shapes that don't agree, features that aren't finite, or a label that is missing.
    """
    images = Side.of("enrolled", features, labels)
    people, counts = np.unique(images.ids, return_counts=True)
    if len(people) and (people[0] != 0 or people[-1] != len(people) - 1):
        raise ValueError(
            "labels must be 0 to identities - 1, each at least once; "
            f"found {len(people)} different ones from {people[0]} to {people[-1]}"
        )
    sums = np.zeros((len(people), images.features.shape[1]))
    for start in range(0, len(images), IMAGES_AT_ONCE):
        chosen = slice(start, start + IMAGES_AT_ONCE)
        np.add.at(sums, images.ids[chosen], images.unit_float64(chosen))
    means = sums / counts[:, None]
    return Side.of("mean", means, np.arange(len(means))).unit_float64(slice(None)) if renormalise else means


def own_probes(
    training_features: Features,
    training_ids: Integers,
    features: Features,
    ids: Integers,
    others: Features,
    *,
    renormalise: bool = True,
) -> ProbeSet:
    """One client's people, registered with its training images, and the test images of all clients as probes.

    All embedded by that client's model. A test image of somebody who isn't among the training images is a stranger's.

    Args:
        training_features, training_ids: (n, dim) and (n,), the client's training images.
        features, ids: (own, dim) and (own,), its test images.
        others: (n, dim) test images of all other clients, whose people are others.
        renormalise: see `enrol`.

    Raises:
        ValueError: shapes that don't agree, or features that aren't finite.
    """
    training, own = Side.of("training", training_features, training_ids), Side.of("own", features, ids)
    strangers = Side.of("others'", others, np.zeros(len(others), np.int64))
    registered = np.unique(training.ids)
    return _probe_set(training, registered, own, (strangers,), renormalise=renormalise)


def search_probes(
    query_features: Features,
    query_ids: Integers,
    gallery_features: Features,
    gallery_ids: Integers,
    *,
    renormalise: bool = True,
) -> tuple[ProbeSet, ProbeSet]:
    """Half of the people registered with their gallery images, then the other half; all queries as probes each time.

    The two galleries take turns as G1 and G2 of IJB-C do: identities of even rank, and of odd rank, in rising order of
    those that queries have. Distractors are not registered. Cameras don't matter: people who are registered have been
    seen by several.

    Args:
        query_features, gallery_features: (n, dim).
        query_ids, gallery_ids: (n,) integers.
        renormalise: see `enrol`.

    Raises:
        ValueError: shapes that don't agree, or features that aren't finite.
    """
    query, gallery = Side.of("query", query_features, query_ids), Side.of("gallery", gallery_features, gallery_ids)
    people = np.unique(query.ids)
    first, second = (
        _probe_set(gallery, np.intersect1d(half, gallery.ids), query, (), renormalise=renormalise)
        for half in (people[::2], people[1::2])
    )
    return first, second


def _probe_set(
    images: Side, registered: np.ndarray, asking: Side, strangers: tuple[Side, ...], *, renormalise: bool
) -> ProbeSet:
    """Enrol the images of some identities (rising), and tell the probes apart."""
    check_dimensions(images, asking, *strangers)
    chosen, is_mated = np.isin(images.ids, registered), np.isin(asking.ids, registered)
    labels = np.searchsorted(registered, images.ids[chosen])
    mated = asking.part(is_mated)
    return ProbeSet(
        gallery=enrol(images.features[chosen], labels, renormalise=renormalise),
        mated=mated,
        mated_labels=np.searchsorted(registered, mated.ids),
        non_mated=(asking.part(~is_mated), *strangers),
    )
