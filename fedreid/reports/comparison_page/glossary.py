"""What the columns of the tables mean, in a line each."""

from __future__ import annotations

from collections.abc import Iterable

MEANINGS = {
    "mAP": "mAP (mean average precision): for each query all other images are ranked, the most similar first; 100 "
    "where those of the same person are before all others.",
    "rank": "rank-1, -5, -10: share of the queries with the same person at the first place, or among the first five or "
    "ten.",
    "mINP": "mINP: how early the last image of the same person is found; 100 where nobody else comes before it.",
    "accuracy": "accuracy: share of the pairs of images that are rightly told to be one person or two.",
    "TAR@FAR": "TAR@FAR: share of the pairs of one person that are accepted, where no more than the given share of the "
    "pairs of two people is.",
    "TPIR@FPIR": "TPIR@FPIR: share of the searches for somebody registered that find that person, where no more than "
    "the given share of the searches for strangers finds anybody.",
}  # by the start of the metrics' names


def meanings(metrics: Iterable[str]) -> list[str]:
    """One line for each kind of metric among these."""
    named = [*metrics]
    return [words for start, words in MEANINGS.items() if any(each.startswith(start) for each in named)]
