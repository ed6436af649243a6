"""Curves over seeds, and lines for scores that have no rounds."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from fedreid.reports.comparison_figures.ends import End
from fedreid.reports.comparison_figures.styles import Look

HEIGHT, INNER = 3.3, 2.5  # of figure and axes, in inches
MOST_BANDS = 8  # of more, nothing could be seen
FEW_BANDS = 4


def band_opacity(looks: Sequence[Look]) -> float:
    """Of each band, so that many on top of each other are no mud; 0: none is drawn."""
    number = sum(not look.is_muted for look in looks)
    return 0.14 if number <= FEW_BANDS else 0.07 if number <= MOST_BANDS + 2 else 0.0


def draw_curve(
    axes: Axes, look: Look, values: pd.DataFrame, shade: float, along: pd.Series | None = None
) -> End | None:
    """Mean over seeds with a band from the lowest to the highest; its look and end where it has a name.

    Args:
        values: rounds × seeds.
        shade: opacity of the band.
        along: where each round is; without, at its number.
    """
    mean, low, high = values.mean(axis=1), values.min(axis=1), values.max(axis=1)
    places = mean.index.to_series() if along is None else along[mean.index]
    look.line(axes, places, mean)
    if values.shape[1] > 1 and shade and not look.is_muted:
        if len(mean) == 1:
            axes.vlines(places, low, high, color=look.colour, alpha=0.4, linewidth=4)
        else:
            axes.fill_between(places, low, high, color=look.colour, alpha=shade, linewidth=0)
    return None if look.is_muted else (look, float(mean.iloc[-1]))


def draw_level_at(axes: Axes, look: Look, value: float) -> float:
    """A score across the figure, also where that makes room for it. Call when everything else is drawn."""
    axes.axhline(
        value, color=look.colour, linestyle=look.dash, linewidth=1.0 if look.is_muted else 1.4,
        alpha=0.35 if look.is_muted else 1.0, label="_" if look.is_muted else look.label,
    )  # fmt: skip
    return value
