"""Figures with a row for each variant."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedreid.reports.comparison_figures.styles import literal
from fedreid.reports.drawing import INK, blank

ROW, FRAME = 0.27, 0.95  # inches: of a row, and of what is around all of them


def rows_figure(names: Sequence[str], *, extra: float = 0.0) -> tuple[Figure, Axes]:
    """An empty figure with a row for each name, the last on top, as tall as they need.

    Args:
        extra: inches for what else is above or below.
    """
    row = ROW if len(names) <= 24 else 0.2
    figure, axes = blank(max(1.9, FRAME + extra + row * len(names)))
    axes.set_yticks(
        range(len(names)), [literal(name) for name in names], fontsize=9 if len(names) <= 24 else 8, color=INK
    )
    axes.set_ylim(-0.7, len(names) - 0.3)
    axes.grid(axis="y", visible=False)
    return figure, axes
