"""Verification and identification written the obvious way, pair by pair in float64. Shares nothing with the code."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np


def cosine(first, second) -> float:
    """To 11 decimals, so that what is equal on paper is equal here."""
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return round(float(first @ second) / (np.linalg.norm(first) * np.linalg.norm(second)), 11)


def best_rate(wanted, unwanted, rate) -> float:
    """The largest share of `wanted` above any threshold that at most `rate` of `unwanted` exceed."""
    wanted, unwanted = np.asarray(wanted), np.asarray(unwanted)
    limits = [
        limit for limit in [-np.inf, *unwanted] if np.count_nonzero(unwanted > limit) <= rate * len(unwanted) + 1e-9
    ]
    return max(float(np.mean(wanted > limit)) for limit in limits)


def own_scores(features, ids, others, within=True):
    """(genuine, impostor) scores of one client's images."""
    own = list(zip(features, ids, strict=True))
    genuine = [cosine(a, b) for (a, of_a), (b, of_b) in combinations(own, 2) if of_a == of_b]
    impostor = [cosine(a, b) for (a, of_a), (b, of_b) in combinations(own, 2) if of_a != of_b and within]
    return genuine, impostor + [cosine(a, b) for a, b in product(features, others)]


def search_scores(query, query_ids, query_cameras, gallery, gallery_ids, gallery_cameras):
    """(genuine, impostor) scores of queries and gallery."""
    left = zip(query, query_ids, query_cameras, strict=True)
    right = list(zip(gallery, gallery_ids, gallery_cameras, strict=True))
    genuine, impostor = [], []
    for (a, of_a, seen_a), (b, of_b, seen_b) in product(left, right):
        if of_a != of_b:
            impostor.append(cosine(a, b))
        elif seen_a != seen_b:
            genuine.append(cosine(a, b))
    return genuine, impostor


def identified(gallery, probes, labels, strangers, rate) -> float:
    """Share of probes whose own entry is the only best one, and above the threshold that strangers set."""
    best_of_strangers = [max(cosine(stranger, entry) for entry in gallery) for stranger in strangers]
    found = []
    for probe, label in zip(probes, labels, strict=True):
        scores = [cosine(probe, entry) for entry in gallery]
        is_first = all(scores[label] > score for row, score in enumerate(scores) if row != label)
        found.append(scores[label] if is_first else -np.inf)
    return best_rate(found, best_of_strangers, rate)
