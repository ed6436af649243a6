"""Scores that have no rounds, or no such cost, as level lines beside the curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes

from fedreid.reports.comparison_figures.drawn import draw_level_at
from fedreid.reports.comparison_figures.ends import End
from fedreid.reports.comparison_figures.styles import Look
from fedreid.reports.numbers import percent

REACH = 1.0  # how far beyond the curves a level is drawn, in heights of what they take: one further would flatten them


def draw_levels(axes: Axes, levels: Sequence[tuple[Look, pd.Series]]) -> tuple[list[End], list[str]]:
    """Means of final scores, across the figure. Call when all curves are drawn.

    Returns:
        Look and height of those that get a name, and in words those that are too far off to be drawn.
    """
    low, high = axes.get_ylim()
    reach = REACH * (high - low)
    ends, beyond = [], []
    for look, values in levels:
        value = float(values.mean())
        if not low - reach <= value <= high + reach:
            beyond.append(far(look, value))
            continue
        drawn = draw_level_at(axes, look, value)
        if not look.is_muted:
            ends.append((look, drawn))
    return ends, beyond


def far(look: Look, value: float) -> str:
    """Who isn't drawn, and the score."""
    return f"{look.name} {percent(value)}"


def told(beyond: Iterable[str]) -> str:
    """What a caption says of those that aren't drawn."""
    texts = dict.fromkeys(beyond)
    return f" Off the scale: {', '.join(texts)}." if texts else ""
