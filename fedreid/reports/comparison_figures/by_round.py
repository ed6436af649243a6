"""Figures of what was measured during training, by round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from fedreid.reports.comparison_figures.drawn import HEIGHT, INNER, band_opacity, draw_curve
from fedreid.reports.comparison_figures.ends import name_curves
from fedreid.reports.comparison_figures.measured import Subject
from fedreid.reports.comparison_figures.styles import MOST_CURVES
from fedreid.reports.comparison_figures.words import means, muted
from fedreid.reports.curves import by_round
from fedreid.reports.drawing import Drawing, blank

HEADROOM = 0.04  # above the highest value, which would touch the edge where all are nearly equal
Row = tuple[Subject, pd.DataFrame]


def by_round_figure(
    name: str, section: str, title: str, label: str, about: str, curves: Sequence[Row]
) -> Iterator[Drawing]:
    """Means over seeds, from 0 up, with a band from the lowest to the highest; nothing without a curve.

    Args:
        about: what is drawn, one or two sentences.
    """
    found = [(subject.look, values) for subject, values in curves if len(values)]
    drawn = [(look.curve if len(found) > MOST_CURVES else look, values) for look, values in found]
    if not drawn:
        return
    figure, axes = blank(HEIGHT)
    shade = band_opacity([look for look, _ in drawn])
    ends = [draw_curve(axes, look, values, shade) for look, values in drawn]
    low, high = axes.get_ylim()
    bottom, most = min(0.0, low), axes.dataLim.y1
    axes.set_ylim(bottom, max(high, most + HEADROOM * (most - bottom)) if high > 0 else 1.0)
    by_round(axes, label, floor=1)
    name_curves(axes, [end for end in ends if end is not None], INNER)
    told = means((values.shape[1] for _, values in drawn), band="bands" if shade else "")
    yield Drawing(name, section, title, f"{about} {told}{muted(look for look, _ in drawn)}", figure)
