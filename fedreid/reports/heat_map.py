"""How each client fares, round by round: a heat map."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fedreid.reports.drawing import Drawing, blank
from fedreid.reports.findings import Findings
from fedreid.reports.heat_cells import cells, scale_words, thin_out

FEWEST, MOST_ROUNDS = 2, 40  # evaluated rounds: with fewer it's the table's column, of more some are shown
MOST_CLIENTS = 60  # with a row each
SHARES = np.linspace(1, 0, 11)


def heat_map(findings: Findings, start: str) -> Drawing | None:
    """Clients × evaluated rounds, personalized mAP; None where fewer than FEWEST rounds were evaluated.

    Args:
        start: what round 0 is called ("pre-trained").
    """
    scores = _scores(findings)
    if scores.shape[1] < FEWEST or len(scores) < 2:
        return None
    table = _rows(scores[_chosen([int(number) for number in scores.columns])])
    figure, axes = blank(max(2.0, 0.9 + (0.26 if len(table) <= 25 else 0.13) * len(table)))
    has_numbers = cells(axes, table)
    if not has_numbers:
        thin_out(axes)
    axes.set_xlabel("round")
    rows = "Clients that score high at the end are on top."
    if len(scores) > MOST_CLIENTS:
        axes.set_ylabel("share of the clients that score higher (%)")
        rows = f"Of more than {MOST_CLIENTS} clients, rows are quantiles: the best on top, the median in the middle."
    begun = f" Round 0 is the {start} model." if 0 in table.columns else ""
    some = f" {table.shape[1]} of {scores.shape[1]} evaluated rounds." if table.shape[1] < scores.shape[1] else ""
    names = findings.names
    caption = f"mAP on {names.theirs}, of the {names.own}. {rows}{begun}{some} {scale_words(table)}."
    return Drawing("clients-by-round", "clients", "Each client by round", caption, figure)


def _scores(findings: Findings) -> pd.DataFrame:
    """Clients × rounds; round 0 where it was scored."""
    if "mAP" not in findings.personalized:
        return pd.DataFrame()
    table = findings.personalized["mAP"].unstack("round").dropna(how="all").dropna(axis="columns", how="all")
    if findings.has_start and len(table):
        table.insert(0, 0, findings.clients["start"].reindex(table.index))
    return table


def _chosen(rounds: list[int]) -> list[int]:
    """All of a few; of many, some at equal distances, with the first and the last."""
    if len(rounds) <= MOST_ROUNDS:
        return rounds
    places = np.unique(np.linspace(0, len(rounds) - 1, MOST_ROUNDS).round().astype(int))
    return [rounds[place] for place in places]


def _rows(scores: pd.DataFrame) -> pd.DataFrame:
    """The best at the end on top; quantiles where there are many clients."""
    if len(scores) > MOST_CLIENTS:
        return scores.quantile(SHARES).set_axis([f"{100 * (1 - share):.0f}" for share in SHARES])
    last = scores.ffill(axis="columns").iloc[:, -1]
    ordered = scores.loc[last.sort_values(ascending=False, kind="stable").index]
    return ordered.set_axis([f"client {client}" for client in ordered.index])
