"""Each model's mean mAP on the clients' own people, with its spread: the first column of the models' table, drawn."""

from __future__ import annotations

import numpy as np

from fedreid.reports.drawing import MUTED, SERIES, Drawing, blank
from fedreid.reports.findings import Findings
from fedreid.reports.models_table import common_ranking, titles
from fedreid.reports.names import Names

FEWEST = 3  # models; two are compared by the tiles


def models_figure(findings: Findings, start: str, names: Names) -> Drawing | None:
    """None where fewer than FEWEST models were scored on the same clients."""
    clients = common_ranking(list(findings.models.values()))
    scores = {model: table.loc[clients, "mAP"] for model, table in findings.models.items() if "mAP" in table}
    if len(clients) == 0 or len(scores) < FEWEST:
        return None
    figure, axes = blank(max(2.0, 0.9 + 0.34 * len(scores)))
    rows = np.arange(len(scores))[::-1]
    for place, (model, values) in zip(rows, scores.items(), strict=True):
        colour, spread = (SERIES[0] if model == "own" else MUTED), values.std() if len(values) > 1 else 0.0
        axes.hlines(place, values.mean() - spread, values.mean() + spread, color=colour, linewidth=2.5, alpha=0.45)
        axes.plot(values.mean(), place, "o", color=colour, markersize=7)
    named = titles(start, names)
    axes.set_yticks(rows, [named[model] for model in scores])
    axes.set_ylim(-0.7, len(scores) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("mAP on a client's own people (%)")
    caption = "Mean over clients" + (", and their standard deviation to both sides." if len(clients) > 1 else ".")
    return Drawing("models-mAP", "clients", "Which model", caption, figure)
