"""Good on people nobody trained on, and good on the clients' own: a point for each variant."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes

from fedreid.reports.comparison_figures.measured import Field, Subject
from fedreid.reports.comparison_figures.words import CLIENTS, SCOPES, generic_label, generic_words, means, muted
from fedreid.reports.drawing import Drawing, blank, settle
from fedreid.reports.point_labels import Point, Segment, label_points


def figures(field: Field) -> Iterator[Drawing]:
    """One figure, where two variants have both scores."""
    drawn = [subject for subject in field.subjects if all(len(subject.finals[scope]) for scope in SCOPES)]
    if len(drawn) < 2:
        return
    figure, axes = blank(4.2)
    for subject in drawn:
        _point(axes, subject)
    axes.margins(0.16)
    axes.set_xlabel(f"{generic_label(field)}, better →")
    axes.set_ylabel("personalized mAP (%), better →")
    settle(figure)
    named = [subject for subject in drawn if not subject.look.is_muted]
    spots = [Point(subject.look.label, *_centre(subject)) for subject in named]
    others = [_centre(subject) for subject in drawn if subject.look.is_muted]
    label_points(axes, spots, others, [bar for subject in named for bar in _bars(subject)])
    counts = [len(subject.finals[scope]) for subject in drawn for scope in SCOPES]
    told = means(counts, what="A point is the mean", band="bars")
    lacking = [subject.name for subject in field.subjects if subject not in drawn and not subject.look.is_muted]
    without = f" Not here, for want of one of the scores: {', '.join(lacking)}." if lacking else ""
    caption = (
        f"To the right: the shared model on {generic_words(field)}; upwards: mean over clients, on {CLIENTS}. Top "
        f"right is best. {told}{without}{muted(subject.look for subject in drawn)}"
    )
    yield Drawing("plane", "plane", "Generic against personalized", caption, figure)


def _point(axes: Axes, subject: Subject) -> None:
    look, (x, y) = subject.look, _centre(subject)
    if not look.is_muted:
        for x0, y0, x1, y1 in _bars(subject):
            axes.plot([x0, x1], [y0, y1], color=look.colour, linewidth=1.4, alpha=0.5, zorder=2.5, label="_")
    look.line(axes, [x], [y], markersize=5 if look.is_muted else 8, markeredgewidth=2 if look.bound else 1)


def _centre(subject: Subject) -> tuple[float, float]:
    return _mean(subject.finals["generic"]), _mean(subject.finals["personalized"])


def _bars(subject: Subject) -> list[Segment]:
    """From the lowest to the highest seed, in both directions."""
    across, up, (x, y) = subject.finals["generic"], subject.finals["personalized"], _centre(subject)
    return [(float(across.min()), y, float(across.max()), y), (x, float(up.min()), x, float(up.max()))]


def _mean(values: pd.Series) -> float:
    return float(values.mean())
