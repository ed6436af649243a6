"""A table as coloured cells. One colour that gets stronger, so that it works in light and dark and for every eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba

from fedreid.reports.drawing import INK, SERIES
from fedreid.reports.numbers import percent

MOST_NUMBERS = (24, 12)  # rows and columns up to which cells hold their number
GAP = 0.03  # between cells, as a share of one
WEAKEST, STRONGEST, BEHIND_NUMBERS = 0.06, 0.92, 0.5  # opacity; ink must stay readable on it, on white and on black


def cells(axes: Axes, table: pd.DataFrame) -> bool:
    """Draw a table with its first row on top; a missing value stays empty. Returns whether cells hold numbers.

    Args:
        table: in percent; index and columns become the labels of the axes.
    """
    values = table.to_numpy(dtype=float)
    has_numbers = all(number <= most for number, most in zip(values.shape, MOST_NUMBERS, strict=True))
    known = np.argwhere(~np.isnan(values))
    shades = opacity(values, BEHIND_NUMBERS if has_numbers else STRONGEST)
    colours = [to_rgba(SERIES[0], float(shades[row, column])) for row, column in known]
    axes.add_collection(
        PolyCollection([_corners(row, column) for row, column in known], facecolors=colours, linewidths=0)
    )
    if has_numbers:
        for row, column in known:
            axes.text(column, row, percent(values[row, column]), ha="center", va="center", fontsize=8, color=INK)
    rows, columns = values.shape
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xticks(range(columns), [str(name) for name in table.columns], fontsize=8)
    axes.set_yticks(range(rows), [str(name) for name in table.index], fontsize=9 if rows <= 25 else 7, color=INK)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return has_numbers


def opacity(values: np.ndarray, strongest: float) -> np.ndarray:
    """How strong each cell's colour is: WEAKEST for the lowest value, `strongest` for the highest."""
    low, high = np.nanmin(values), np.nanmax(values)
    share = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    return WEAKEST + (strongest - WEAKEST) * share


def scale_words(table: pd.DataFrame) -> str:
    """What the colours say."""
    values = table.to_numpy(dtype=float)
    return f"The stronger the colour, the better: from {percent(np.nanmin(values))} to {percent(np.nanmax(values))} %"


def thin_out(axes: Axes) -> None:
    """Fewer labels along the axis where they would run into each other; the last one stays."""
    labels = axes.get_xticklabels()
    step = 1 + len(labels) // 25
    for place, label in enumerate(reversed(labels)):
        label.set_visible(place % step == 0)


def _corners(row: int, column: int) -> list[tuple[float, float]]:
    half = 0.5 - GAP
    return [(column + x * half, row + y * half) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
