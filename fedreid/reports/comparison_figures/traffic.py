"""How many bytes each variant moved, down to the clients and up from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fedreid.reports.comparison_figures.measured import Field
from fedreid.reports.comparison_figures.rows import rows_figure
from fedreid.reports.comparison_figures.units import unit_of
from fedreid.reports.comparison_figures.words import means
from fedreid.reports.drawing import SERIES, Drawing, legend
from fedreid.reports.numbers import size

DIRECTIONS = {"bytes_down": "to clients", "bytes_up": "from clients"}


def traffic(field: Field) -> Iterator[Drawing]:
    """A pair of bars for each variant that sends anything."""
    known = [each for each in field.subjects if not each.look.bound and {*DIRECTIONS} & {*each.totals}]
    both = {
        each.name: [float(each.totals[name].mean()) if name in each.totals else 0.0 for name in DIRECTIONS]
        for each in known
    }
    if not known or max(map(sum, both.values())) == 0:
        return
    order = sorted(both, key=lambda name: -sum(both[name]))
    scale, unit = unit_of("bytes", max(map(max, both.values())))
    figure, axes = rows_figure(order, extra=0.3)
    rows = np.arange(len(order))
    for place, label in enumerate(DIRECTIONS.values()):
        values = [both[name][place] / scale for name in order]
        axes.barh(rows + (0.19, -0.19)[place], values, height=0.34, color=SERIES[place], label=label)
    for row, name in zip(rows, order, strict=True):
        axes.annotate(size(sum(both[name])), (1.0, row), xycoords=("axes fraction", "data"), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=9)  # fmt: skip
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{unit} in the whole run")
    legend(axes)
    told = means(each.totals[name].shape[0] for each in known for name in DIRECTIONS if name in each.totals)
    caption = (
        f"Model arrays that travelled in training, over all clients and rounds; at the right, both together. {told}"
    )
    yield Drawing("traffic-bars", "costs", "Traffic", caption, figure)
