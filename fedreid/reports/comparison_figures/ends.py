"""Names of curves: at their right ends where they are short and few, above the figure otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from fedreid.reports.comparison_figures.styles import Look
from fedreid.reports.drawing import INK, legend

SHORT, FEW = 16, 11  # characters, curves
LINE = 0.155  # inches from label to label
End = tuple[Look, float]


def name_curves(axes: Axes, ends: Sequence[End], height: float) -> None:
    """Say which curve is which. Call when the limits of the axes are final.

    Args:
        ends: of each curve with a name, its look and its last value.
        height: of the axes, in inches.
    """
    name_panels([(axes, ends)], height)


def name_panels(panels: Sequence[tuple[Axes, Sequence[End]]], height: float) -> None:
    """The same for panels that show the same curves: one legend is enough for all.

    Args:
        height: of one.
    """
    axes, ends = max(panels, key=lambda panel: len(panel[1]))
    names = [look.name for look, _ in ends]
    if len(ends) > min(FEW, height / LINE) or any(len(name) > SHORT for name in names):
        legend(axes, columns=columns_for(names))
    else:
        for place, own in panels:
            name_ends(place, own, height)


def name_ends(axes: Axes, ends: Sequence[End], height: float) -> None:
    """The names beside the axes, each with a line from where its curve ends."""
    low, high = axes.get_ylim()
    shares = [(value - low) / (high - low) for _, value in ends]
    for (look, _), share, place in zip(ends, shares, spread_out(shares, LINE / height), strict=True):
        outside: dict[str, Any] = {"transform": axes.transAxes, "color": look.colour, "clip_on": False, "label": "_"}
        axes.plot([1.005, 1.03, 1.06], [share, place, place], linewidth=1.4, linestyle=look.dash, **outside)
        axes.plot([1.045], [place], look.marker, markersize=5 * look.size, **outside)
        axes.text(1.075, place, look.label, transform=axes.transAxes, va="center", fontsize=9, color=INK)


def columns_for(names: Sequence[str]) -> int:
    """Of a legend that fits the figure."""
    longest = max((len(name) for name in names), default=0)
    return 4 if longest <= 8 else 3 if longest <= 15 else 2


def spread_out(places: Sequence[float], gap: float) -> list[float]:
    """Places moved as little as possible so that they are at least `gap` apart, and within 0 and 1 if they fit.

    Least squares with an order: pool adjacent violators (Ayer et al., Annals of Mathematical Statistics 26, 1955).
    """
    order = np.argsort(places, kind="stable")
    wanted = np.asarray(places, dtype=float)[order] - gap * np.arange(len(order))
    blocks: list[tuple[float, int]] = []
    for value in wanted:
        block = (float(value), 1)
        while blocks and blocks[-1][0] > block[0]:
            mean, number = blocks.pop()
            total = number + block[1]
            block = ((mean * number + block[0] * block[1]) / total, total)
        blocks.append(block)
    level = np.repeat([mean for mean, _ in blocks], [number for _, number in blocks])
    level = np.clip(level, 0.0, max(0.0, 1.0 - gap * (len(order) - 1)))
    found = np.empty(len(order))
    found[order] = level + gap * np.arange(len(order))
    return found.tolist()
