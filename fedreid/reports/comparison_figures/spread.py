"""Fairness: where each variant's clients are, and the one that fares worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes

from fedreid.reports.comparison_figures.measured import Field
from fedreid.reports.comparison_figures.rows import rows_figure
from fedreid.reports.comparison_figures.words import CLIENTS, means
from fedreid.reports.drawing import INK, SERIES, Drawing, legend
from fedreid.reports.numbers import percent

MANY = 60  # clients from which their middle half is drawn, and not a dot for each


def figures(field: Field) -> Iterator[Drawing]:
    """A row for each variant, where there are two clients at least."""
    known = [subject for subject in field.subjects if len(subject.clients) > 1]
    if not known:
        return
    scores = {subject.name: subject.clients.mean(axis=1) for subject in known}
    order = sorted(scores, key=lambda name: float(scores[name].mean()))
    figure, axes = rows_figure(order, extra=0.25)
    is_many = max(map(len, scores.values())) > MANY
    for place, name in enumerate(order):
        _row(axes, place, scores[name].sort_values(), is_many, field.is_lasting)
    axes.margins(x=0.02)
    low, high = axes.get_xlim()
    axes.set_xlim(low - 0.2 * (high - low), high)  # room for the numbers
    axes.set_xlabel("personalized mAP (%)")
    legend(axes, columns=4)
    caption = f"{_how(is_many, field.is_lasting)} {means(subject.clients.shape[1] for subject in known)}"
    yield Drawing("clients-spread", "clients", "Spread over clients", caption, figure)


def _row(axes: Axes, place: int, values: pd.Series, is_many: bool, is_lasting: bool) -> None:
    """
    Args:
        values: rising.
    """

    def label(text: str) -> str:
        return text if place == 0 else "_"

    worst, rest = values.iloc[0], values.iloc[1:]
    axes.hlines(place, worst, values.iloc[-1], color=SERIES[0], linewidth=1, alpha=0.35)
    if is_many:
        half = values.quantile([0.25, 0.75])
        axes.plot(half, [place] * 2, color=SERIES[0], linewidth=7, alpha=0.45, solid_capstyle="butt",
                  label=label("middle half"))  # fmt: skip
    else:
        axes.plot(rest, [place] * len(rest), "o", color=SERIES[0], markeredgewidth=0, alpha=0.6, label=label("client"))
    axes.plot(worst, place, "v", color=SERIES[1], markersize=7, label=label("worst client"))
    axes.plot(values.mean(), place, "|", color=INK, markersize=13, markeredgewidth=2, label=label("mean"))
    text = f"{values.index[0]}: {percent(worst)}" if is_lasting else percent(worst)
    axes.annotate(text, (worst, place), xytext=(-7, 0), textcoords="offset points", ha="right", va="center", fontsize=8)


def _how(is_many: bool, is_lasting: bool) -> str:
    parts: Sequence[str] = (
        f"Personalized mAP on {CLIENTS}.",
        "The thick line is the middle half of the clients." if is_many else "A dot for each client.",
        "The worst one has its number and its score."
        if is_lasting
        else "With every seed the clients are others, so what is drawn are ranks: the worst client of each seed, the "
        "second worst, and so on.",
        "The shorter a row, the more alike clients are served.",
    )
    return " ".join(parts)
