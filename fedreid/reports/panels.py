"""Figures of several panels, one above the other."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedreid.reports.drawing import WIDTH

OUTSIDE = 0.75  # inches of a figure that are no panel: legend and labels


def panels(labels: Sequence[str], inner: float) -> tuple[Figure, list[Axes]]:
    """Panels on top of each other that share what is along them; call inside `mpl.rc_context(STYLE)`.

    Args:
        labels: what goes up in each.
        inner: height of a panel in inches.
    """
    figure = Figure(figsize=(WIDTH, OUTSIDE + (inner + 0.1) * len(labels)), layout="constrained")
    found = [*figure.subplots(len(labels), 1, sharex=True, squeeze=False)[:, 0]]
    for axes, label in zip(found, labels, strict=True):
        axes.set_ylabel(label)
    return figure, found
