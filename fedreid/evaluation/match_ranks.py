"""The rank of every true match of every query, by counting what scores higher."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np

from fedreid.evaluation.cosines import Cosines

MATCHES_AT_ONCE = 16  # compared with a row of scores in one go: 32 bytes of memory for each gallery image


@dataclass(frozen=True)
class Labels:
    """(n,) identity and camera of each image."""

    ids: np.ndarray
    cameras: np.ndarray


@dataclass(frozen=True)
class Pairs:
    """Pairs of a query of the chunk (row) and a gallery image (column), sorted by row, then column."""

    rows: np.ndarray
    columns: np.ndarray


class Gallery:
    """Finds the gallery images of an identity."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._order = np.argsort(labels.ids, kind="stable")
        self._sorted = labels.ids[self._order]

    def of_same_identity(self, queries: Labels) -> tuple[Pairs, Pairs]:
        """(true matches, those left out because the query's camera took them)."""
        first = np.searchsorted(self._sorted, queries.ids, side="left")
        counts = np.searchsorted(self._sorted, queries.ids, side="right") - first
        rows = np.repeat(np.arange(len(counts)), counts)
        position_in_row = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        columns = self._order[np.repeat(first, counts) + position_in_row]
        is_match = self.labels.cameras[columns] != queries.cameras[rows]
        return Pairs(rows[is_match], columns[is_match]), Pairs(rows[~is_match], columns[~is_match])


def match_ranks(
    cosines: Cosines, queries: Labels, gallery: Labels, *, chunk: int, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """(query, rank) of every true match; ranks count from 1.

    Args:
        chunk: queries at once in each thread; changes memory and speed, not the ranks.
        threads: how many chunks are worked on at the same time; changes no rank either.
    """
    finder = Gallery(gallery)
    starts = range(0, len(queries.ids), chunk)

    def of_chunks(starts: range) -> list[tuple[np.ndarray, np.ndarray]]:
        scores = np.empty((min(chunk, len(queries.ids)), len(gallery.ids)), np.float32)  # used again for each chunk
        return [of_chunk(start, scores) for start in starts]

    def of_chunk(start: int, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        end = min(start + chunk, len(queries.ids))
        matches, left_out = finder.of_same_identity(Labels(queries.ids[start:end], queries.cameras[start:end]))
        cosines.approximate(start, end, out=scores[: end - start])
        return start + matches.rows, chunk_ranks(cosines, start, scores[: end - start], matches, left_out)

    workers = min(threads, len(starts))
    if workers == 1:
        parts = of_chunks(starts)
    else:  # numpy lets go of Python's lock while it compares and multiplies
        with ThreadPoolExecutor(workers) as pool:
            shares = pool.map(of_chunks, (starts[worker::workers] for worker in range(workers)))
            parts = list(chain.from_iterable(shares))
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([ranks for _, ranks in parts])


def chunk_ranks(cosines: Cosines, start: int, scores: np.ndarray, matches: Pairs, left_out: Pairs) -> np.ndarray:
    """Ranks of the matches of some queries.

    Args:
        start: index of the first query.
        scores: (queries, gallery) approximate scores; overwritten for those left out.
    """
    of_matches = scores[matches.rows, matches.columns]
    scores[left_out.rows, left_out.columns] = -np.inf
    slack = cosines.slack(of_matches)
    certain, doubts, crowded = count_above(scores, matches.rows, of_matches - slack, of_matches + slack)
    if len(doubts.rows):
        certain += doubts_above(cosines, start, matches, doubts)
    if len(crowded):
        chosen = np.isin(matches.rows, crowded)
        certain[chosen] = ranks_in_exact_rows(cosines, start, crowded, matches, left_out, chosen)
    return certain + 1


def count_above(
    scores: np.ndarray, rows: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, Pairs, np.ndarray]:
    """For each match, how many scores of its row are certainly higher than its own, and which ones may be.

    Args:
        scores: (queries, gallery) float32.
        rows: (matches,) ascending, the row of each match.
        low, high: (matches,) float32: a match is below all scores above `high`, and above all that aren't above `low`.

    Returns:
        counts (matches,); doubtful pairs of match and gallery image, the match itself among them; and the rows that
        have too many of them to list.
    """
    most_doubts = scores.shape[1] // 32  # beyond it, an exact row costs less than exact pairs
    bounds = np.stack([low, high], axis=1)
    above = np.empty((2 * MATCHES_AT_ONCE, scores.shape[1]), dtype=bool)
    first = np.searchsorted(rows, np.arange(len(scores) + 1))
    counts = np.zeros(len(rows), np.int64)
    doubtful_matches, doubtful_columns, crowded = [], [], []
    for row in range(len(scores)):
        doubts_in_row = 0
        for start in range(first[row], first[row + 1], MATCHES_AT_ONCE):
            end = min(start + MATCHES_AT_ONCE, first[row + 1])
            is_above = np.greater(scores[row], bounds[start:end].reshape(-1, 1), out=above[: 2 * (end - start)])
            totals = np.array([np.count_nonzero(line) for line in is_above])
            counts[start:end] = totals[1::2]
            doubts = totals[::2] - totals[1::2]
            doubts_in_row += int(doubts.sum()) - len(doubts)
            if doubts_in_row > most_doubts:
                crowded.append(row)
                break
            for match in np.flatnonzero(doubts > 1):
                columns = np.flatnonzero(is_above[2 * match] ^ is_above[2 * match + 1])
                doubtful_columns.append(columns)
                doubtful_matches.append(np.full(len(columns), start + match))
    return counts, Pairs(_joined(doubtful_matches), _joined(doubtful_columns)), np.array(crowded, np.int64)


def doubts_above(cosines: Cosines, start: int, matches: Pairs, doubts: Pairs) -> np.ndarray:
    """For each match, how many of the doubtful gallery images (doubts.rows: the match) come before it after all."""
    queries = start + matches.rows[doubts.rows]
    theirs = cosines.exact(queries, doubts.columns)
    unsure = np.unique(doubts.rows)
    own = np.zeros(len(matches.rows))
    own[unsure] = cosines.exact(start + matches.rows[unsure], matches.columns[unsure])
    own, position = own[doubts.rows], matches.columns[doubts.rows]
    is_before = (theirs > own) | ((theirs == own) & (doubts.columns < position))
    return np.bincount(doubts.rows[is_before], minlength=len(matches.rows))


def ranks_in_exact_rows(
    cosines: Cosines, start: int, crowded: np.ndarray, matches: Pairs, left_out: Pairs, chosen: np.ndarray
) -> np.ndarray:
    """Scores higher than each chosen match's, for queries whose scores nearly all agree (a collapsed network)."""
    scores = cosines.exact_rows(start + crowded)
    is_crowded = np.isin(left_out.rows, crowded)
    scores[np.searchsorted(crowded, left_out.rows[is_crowded]), left_out.columns[is_crowded]] = -np.inf
    counts = []
    for row, column in zip(np.searchsorted(crowded, matches.rows[chosen]), matches.columns[chosen], strict=True):
        own = scores[row, column]
        counts.append(np.count_nonzero(scores[row] > own) + np.count_nonzero(scores[row, :column] == own))
    return np.array(counts, np.int64)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
