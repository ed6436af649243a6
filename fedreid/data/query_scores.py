"""How well each single query was answered, kept as text: what comparisons of runs resample."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from fedreid.atomic import write_atomically
from fedreid.data.image_set import SOURCE_STRIDE
from fedreid.errors import UserError

if TYPE_CHECKING:
    from fedreid.data.generic_test import GenericTest

COLUMNS = ("draw", "identity", "camera", "AP", "INP", "rank")


@dataclass(frozen=True, eq=False)
class QueryScores:
    """Scores of each query, in the order they came in.

    Attributes:
        ap: (queries,) average precision; nan where the gallery has no match.
        inp: (queries,) number of matches over the rank of the last one; nan where there is none.
        rank: (queries,) rank of the first match, from 1; 0 where there is none.
    """

    ap: np.ndarray
    inp: np.ndarray
    rank: np.ndarray


NOBODY = QueryScores(np.empty(0), np.empty(0), np.empty(0, np.int64))


def write_query_scores(file: Path, test: GenericTest, draws: Sequence[QueryScores]) -> None:
    """Write one row for each query, in the test set's order; reading gives the same bits.

    Columns: draw (of a protocol with random halves, else 0), identity as in its source, camera (-1: unknown), average
    precision, inverse negative penalty (number of matches over the rank of the last one), and the first match's rank.
    Scores are empty where the gallery has no match.

    Args:
        draws: the scores of each draw of the test.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for draw, scores in enumerate(draws):
        queries = test.sets(draw)[0]
        people, cameras = queries.identities % SOURCE_STRIDE, np.maximum(queries.cameras, -1)
        for person, camera, ap, inp, rank in zip(people, cameras, scores.ap, scores.inp, scores.rank, strict=True):
            found = (float(ap), float(inp), int(rank)) if rank else ("", "", "")
            writer.writerow((draw, person, camera, *found))
    write_atomically(file, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))


def read_query_scores(file: Path) -> pd.DataFrame:
    """The rows that `write_query_scores` wrote; scores are shares, nan where the gallery has no match.

    Raises:
        UserError: the file can't be read, or isn't one of these.
    """
    try:
        table = pd.read_csv(file, dtype={"draw": "int64", "identity": "int64", "camera": "int64"})
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: not the scores of queries: {error}") from None
    if tuple(table.columns) != COLUMNS:
        raise UserError(f"{file}: expected the columns {', '.join(COLUMNS)}, found {', '.join(table.columns)}")
    if any(table[name].dtype.kind not in "fi" for name in ("AP", "INP", "rank")):
        raise UserError(f"{file}: AP, INP and rank must be numbers, or empty where a query has no match")
    return table
