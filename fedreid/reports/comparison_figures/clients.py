"""How each client fares with each variant: a heat map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from fedreid.reports.comparison_figures.measured import Field, Subject
from fedreid.reports.comparison_figures.styles import literal
from fedreid.reports.comparison_figures.words import CLIENTS, means
from fedreid.reports.drawing import Drawing, blank
from fedreid.reports.heat_cells import cells, scale_words, thin_out

MOST = 60  # clients with a cell of their own
SHARES = np.linspace(0, 1, 11)


def figures(field: Field) -> Iterator[Drawing]:
    """Variants × clients, where there are two clients at least."""
    known = [subject for subject in field.subjects if len(subject.clients)]
    if not known or max(len(subject.clients) for subject in known) < 2:
        return
    table, words = client_table(known, field.is_lasting)
    figure, axes = blank(max(2.0, 1.0 + (0.28 if len(table) <= 24 else 0.2) * len(table)))
    has_numbers = cells(axes, table.rename(index=literal))
    if not has_numbers:
        thin_out(axes)
    axes.set_xlabel({"clients": "client"}.get(words, words))
    numbers = "Personalized mAP in percent" if has_numbers else "Personalized mAP"
    how = HOW[words].format(most=MOST)
    told = means(subject.clients.shape[1] for subject in known)
    caption = f"{numbers}, on {CLIENTS}. {told} {how} Best on top. {scale_words(table)}."
    yield Drawing("clients-heat-map", "clients", "Each client with each variant", caption, figure)


HOW = {
    "clients": "Clients that score high are on the left.",
    "clients, from best to worst": (
        "With every seed the clients are others, so each variant's clients are sorted, and a column is a rank: the "
        "best on the left."
    ),
    "share of the clients that score higher (%)": (
        "There are more than {most} clients, so each variant's are sorted and a column is a quantile: the best on the "
        "left, the median in the middle."
    ),
}


def client_table(subjects: list[Subject], is_lasting: bool) -> tuple[pd.DataFrame, str]:
    """Means over seeds: variants, best first, × clients, ranks or quantiles, and what a column is."""
    scores = {subject.name: subject.clients.mean(axis=1) for subject in subjects}
    order = sorted(scores, key=lambda name: -float(scores[name].mean()))
    if max(map(len, scores.values())) > MOST:
        rows = {name: scores[name].quantile(1 - SHARES).to_numpy() for name in order}
        table = pd.DataFrame(rows, index=[f"{100 * share:.0f}" for share in SHARES]).T
        return table, "share of the clients that score higher (%)"
    table = pd.DataFrame({name: scores[name] for name in order}).T
    columns = table.mean().sort_values(ascending=False, kind="stable").index
    table = table[columns]
    if is_lasting:
        return table, "clients"
    return table.set_axis(
        [str(place) for place in range(1, len(columns) + 1)], axis="columns"
    ), "clients, from best to worst"
