"""Good on people nobody trained on, and good on the clients' own: a point for each variant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib.axes import Axes

from fedreid.reports.comparison_figures.measured import Field, Scope, Subject
from fedreid.reports.comparison_figures.reach import Reach, arrow, reach
from fedreid.reports.comparison_figures.words import CLIENTS, SCOPES, generic_label, generic_words, means, muted
from fedreid.reports.drawing import Drawing, blank, settle
from fedreid.reports.numbers import percent
from fedreid.reports.point_labels import Point, Segment, label_points

Sides = tuple[Reach, Reach]  # across, up


def figures(field: Field) -> Iterator[Drawing]:
    """One figure, where two variants have both scores."""
    drawn = [subject for subject in field.subjects if all(len(subject.finals[scope]) for scope in SCOPES)]
    if len(drawn) < 2:
        return
    figure, axes = blank(4.2)
    sides = _sides(drawn)
    for subject in drawn:
        _point(axes, subject, sides)
    axes.margins(0.16)
    axes.set_xlabel(f"{generic_label(field)}, better →")
    axes.set_ylabel("personalized mAP (%), better →")
    settle(figure)
    named = [subject for subject in drawn if not subject.look.is_muted]
    spots = [Point(subject.look.label + arrow(*_ways(subject, sides)), *_place(subject, sides)) for subject in named]
    others = [_place(subject, sides) for subject in drawn if subject.look.is_muted]
    label_points(axes, spots, others, [bar for subject in named for bar in _bars(subject, sides)])
    counts = [len(subject.finals[scope]) for subject in drawn for scope in SCOPES]
    told = means(counts, what="A point is the mean", band="bars")
    lacking = [subject.name for subject in field.subjects if subject not in drawn and not subject.look.is_muted]
    without = f" Not here, for want of one of the scores: {', '.join(lacking)}." if lacking else ""
    caption = (
        f"To the right: the shared model on {generic_words(field)}; upwards: mean over clients, on {CLIENTS}. Top "
        f"right is best. {told}{_far(drawn, sides)}{without}{muted(subject.look for subject in drawn)}"
    )
    yield Drawing("plane", "plane", "Generic against personalized", caption, figure)


def _sides(drawn: Sequence[Subject]) -> Sides:
    """What the axes show: all federations with their bars, and bounds that aren't far from them."""
    across, up = (
        reach(
            [_range(subject, scope) for subject in drawn if not subject.look.bound],
            [_range(subject, scope) for subject in drawn if subject.look.bound],
        )
        for scope in SCOPES
    )
    return across, up


def _point(axes: Axes, subject: Subject, sides: Sides) -> None:
    look, (x, y) = subject.look, _place(subject, sides)
    if not look.is_muted:
        for x0, y0, x1, y1 in _bars(subject, sides):
            axes.plot([x0, x1], [y0, y1], color=look.colour, linewidth=1.4, alpha=0.5, zorder=2.5, label="_")
    look.line(axes, [x], [y], markersize=5 if look.is_muted else 8, markeredgewidth=2 if look.bound else 1)


def _far(drawn: Sequence[Subject], sides: Sides) -> str:
    """Whose point is at the edge, and where it should be."""
    far = [
        f"{subject.name} ({', '.join(f'{scope} {percent(_mean(subject.finals[scope]))}' for scope in SCOPES)})"
        for subject in drawn
        if any(_ways(subject, sides))
    ]
    return f" Off the scale, at the edge with an arrow: {' and '.join(far)}." if far else ""


def _place(subject: Subject, sides: Sides) -> tuple[float, float]:
    x, y = (side.place(value) for side, value in zip(sides, _centre(subject), strict=True))
    return x, y


def _ways(subject: Subject, sides: Sides) -> tuple[int, int]:
    right, up = (side.way(value) for side, value in zip(sides, _centre(subject), strict=True))
    return right, up


def _centre(subject: Subject) -> tuple[float, float]:
    return _mean(subject.finals["generic"]), _mean(subject.finals["personalized"])


def _bars(subject: Subject, sides: Sides) -> list[Segment]:
    """From the lowest to the highest seed, in both directions, as far as the axes reach; none at the edge."""
    if any(_ways(subject, sides)):
        return []
    ends = [[side.place(value) for value in _range(subject, scope)] for side, scope in zip(sides, SCOPES, strict=True)]
    (left, right), (low, high), (x, y) = *ends, _centre(subject)
    return [(left, y, right, y), (x, low, x, high)]


def _range(subject: Subject, scope: Scope) -> tuple[float, float]:
    values = subject.finals[scope]
    return float(values.min()), float(values.max())


def _mean(values: pd.Series) -> float:
    return float(values.mean())
