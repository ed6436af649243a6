"""Batches that hold several images of several identities, as triplet losses need them."""

from __future__ import annotations

import numpy as np


def identity_balanced_batches(
    labels: np.ndarray, *, identities: int, images: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """One epoch of batches of exactly `identities` people with `images` images each (P x K).

    Hermans et al., In Defense of the Triplet Loss, 2017. The images of each person are shuffled and put into groups of
    K; each batch then takes one group of P people drawn at random, until fewer than P people have a group left.

    What is left over is left out of this epoch, and may be in the next, which shuffles anew:
      - of a person with K images or more, the last (number mod K) after shuffling;
      - all groups of the fewer than P people that remain at the end.
    A person with fewer than K images gives one group, of K draws with replacement: some images may be missing from it.

    Args:
        labels: (n,), the identity of each image: any whole numbers.
        identities: P.
        images: K.
        generator: shuffles and draws; the same one gives the same batches.

    Returns:
        Batches of (P * K,) int64 rows of `labels`, the K images of a person side by side.

    Raises:
        ValueError: fewer than P people, P or K below 1, or labels that aren't (n,) whole numbers.
    """
    _check(labels, identities, images)
    groups, counts = _groups(labels, images, generator)
    if len(counts) < identities:
        raise ValueError(f"batches of {identities} identities need as many in the data, found {len(counts)}")
    following = np.cumsum(counts) - counts  # row of each person's next group
    end = following + counts
    batches, available = [], np.arange(len(counts))
    while len(available) >= identities:
        people = generator.choice(available, identities, replace=False)
        batches.append(groups[following[people]].reshape(-1))
        following[people] += 1
        if (following[people] == end[people]).any():
            available = available[following[available] < end[available]]
    return batches


def _groups(labels: np.ndarray, images: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All groups (g, K) in order of identity, and how many of them each identity has."""
    shuffled = generator.permutation(len(labels))
    shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
    sizes = np.unique(labels, return_counts=True)[1]
    groups = []
    for own in np.split(shuffled, np.cumsum(sizes)[:-1]):
        if len(own) < images:
            own = generator.choice(own, images)
        groups.append(own[: len(own) // images * images].reshape(-1, images))
    return np.concatenate(groups), np.maximum(sizes // images, 1)


def _check(labels: np.ndarray, identities: int, images: int) -> None:
    if labels.ndim != 1 or not len(labels) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be (n,) whole numbers, at least one, found {labels.shape} {labels.dtype}")
    for name, number in (("identities", identities), ("images", images)):
        if number < 1:
            raise ValueError(f"{name} of a batch must be at least 1, found {number}")
