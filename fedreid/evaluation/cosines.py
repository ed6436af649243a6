"""Cosines between queries and gallery: fast ones in float32, and exact ones for the few pairs that need them."""

from __future__ import annotations

from functools import cached_property

import numpy as np

RESOLUTION = 2.0**40  # exact scores are whole multiples of 2^-40: coarser than rounding in float64, far finer than data
PAIRS_AT_ONCE = 4096


class Cosines:
    """Cosine similarity of every query with every gallery image, without ever holding all of it.

    Args:
        query, gallery: (n, dim) features in float32 or float64, of any length; zero stays zero.

    Raises:
        ValueError: a feature isn't finite.
    """

    def __init__(self, query: np.ndarray, gallery: np.ndarray) -> None:
        self._query, self._gallery = query, gallery
        self._query_scale, self._gallery_scale = inverse_norms(query, "query"), inverse_norms(gallery, "gallery")
        self._query_unit = unit(query, self._query_scale)
        self._gallery_unit = unit(gallery, self._gallery_scale).T

    def approximate(self, start: int, end: int, out: np.ndarray) -> None:
        """Fill `out`, (end - start, gallery) float32, with cosines of some queries; `slack` says how good they are."""
        np.matmul(self._query_unit[start:end], self._gallery_unit, out=out)

    def slack(self, scores: np.ndarray) -> np.ndarray:
        """How far an approximate score, and one close to it, may each be from the exact one, added up.

        Rounding errors of a sum of dim products grow like a random walk; this is several standard deviations of it.
        """
        spread = np.float32(2.0**-24 * np.sqrt(self._query.shape[1]))
        return spread * (np.float32(0.5) + np.abs(scores)) + np.float32(2.0**-23)

    def exact(self, queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        """Scores of pairs (p,), (p,) -> (p,) float64, in units of 2^-40: equal features have equal scores."""
        scores = np.empty(len(queries))
        for start in range(0, len(queries), PAIRS_AT_ONCE):
            chosen = slice(start, start + PAIRS_AT_ONCE)
            left, right = queries[chosen], gallery[chosen]
            products = np.einsum("pd,pd->p", self._query[left], self._gallery[right], dtype=np.float64)
            scores[chosen] = products * (self._query_scale[left] * self._gallery_scale[right])
        return np.rint(scores * RESOLUTION)

    def exact_rows(self, queries: np.ndarray) -> np.ndarray:
        """(q, gallery) float64: what `exact` says for some queries and the whole gallery."""
        rows = (self._query[queries] * self._query_scale[queries, None]) @ self._gallery_float64.T
        return np.rint(rows * RESOLUTION)

    @cached_property
    def _gallery_float64(self) -> np.ndarray:
        return self._gallery * self._gallery_scale[:, None]


def inverse_norms(features: np.ndarray, name: str) -> np.ndarray:
    """1 / length of each row in float64; 1 for rows of zeros."""
    norms = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64))
    if not np.isfinite(norms).all():
        raise ValueError(f"{name} features hold nan or inf in row {int(np.argmin(np.isfinite(norms)))}")
    return 1 / np.where(norms > 0, norms, 1)


def unit(features: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Rows scaled, in float32."""
    return np.multiply(features, scale[:, None], dtype=np.float32, casting="same_kind")
