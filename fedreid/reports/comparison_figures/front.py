"""The Pareto front: who reaches most for as little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fedreid.reports.comparison_figures.drawn import draw_level_at
from fedreid.reports.comparison_figures.ends import End, name_ends
from fedreid.reports.comparison_figures.reach import Range, Reach, arrow, reach
from fedreid.reports.comparison_figures.styles import Look
from fedreid.reports.drawing import MUTED, PAPER, settle
from fedreid.reports.numbers import percent
from fedreid.reports.point_labels import Point, Segment, label_points

INNER = 2.7  # height of a panel in inches
WIDE = 20.0  # of the largest to the smallest cost, above which the axis is logarithmic


@dataclass(frozen=True)
class Priced:
    """A variant: what it costs, and how good it is."""

    look: Look
    cost: float
    quality: float


@dataclass(frozen=True)
class Panel:
    """One scope: variants with a cost, scores of those that have none, and the seeds' range of each federation."""

    priced: Sequence[Priced]
    levels: Sequence[End]
    federations: Sequence[Range] = ()

    @property
    def reach(self) -> Reach:
        """What its axis shows: all federations, and bounds that aren't far from them."""
        bounds = [each.quality for each in self.priced if each.look.bound]
        return reach(self.federations, [(value, value) for value in (*bounds, *(value for _, value in self.levels))])

    @property
    def edged(self) -> list[Priced]:
        """Those with a cost whose score is off the scale."""
        return [each for each in self.priced if self.reach.way(each.quality)]

    @property
    def far(self) -> list[End]:
        """Those without a cost whose score is off the scale."""
        return [(look, value) for look, value in self.levels if self.reach.way(value)]

    @property
    def drawn(self) -> list[End]:
        """Those without a cost whose score is on it."""
        return [(look, value) for look, value in self.levels if not self.reach.way(value)]


def pareto(priced: Sequence[Priced]) -> list[int]:
    """Indices of those that nobody beats: none is as cheap and better, or as good and cheaper; from the cheapest up."""
    order = sorted(range(len(priced)), key=lambda index: (priced[index].cost, -priced[index].quality))
    front: list[int] = []
    for index in order:
        if not front or priced[index].quality > priced[front[-1]].quality:
            front.append(index)
    return front


def draw_fronts(figure: Figure, panels: Sequence[tuple[Axes, Panel]], cost_label: str) -> None:
    """In each panel points, the front as steps, and level lines of those without a cost."""
    for axes, panel in panels:
        _points(axes, panel)
    costs = [each.cost for _, panel in panels for each in panel.priced]
    is_wide = max(costs) > WIDE * min(costs)
    for axes, panel in panels:
        _limits(axes, is_wide)
        ends = [(look, draw_level_at(axes, look, value)) for look, value in panel.drawn]
        name_ends(axes, ends, INNER)
    panels[-1][0].set_xlabel(cost_label + " (logarithmic)" * is_wide)
    lines = [_steps(axes, panel) for axes, panel in panels]
    settle(figure)
    for (axes, panel), own in zip(panels, lines, strict=True):
        _names(axes, panel, own)


def _points(axes: Axes, panel: Panel) -> None:
    front, shown = pareto(panel.priced), panel.reach
    for index, each in enumerate(panel.priced):
        is_best = index in front
        each.look.line(
            axes, [each.cost], [shown.place(each.quality)], markersize=8.0 if is_best else 6.5, markeredgewidth=1.5,
            markerfacecolor=each.look.colour if is_best else PAPER, alpha=1.0 if is_best else 0.6,
            zorder=3.5 if is_best else 3.0,
        )  # fmt: skip


def _limits(axes: Axes, is_wide: bool) -> None:
    """Room for names."""
    if is_wide:
        axes.set_xscale("log")
    axes.margins(0.14)
    axes.autoscale_view()
    low, high = axes.get_xlim()
    axes.set_xlim(low if is_wide else max(0.0, low), high)


def _steps(axes: Axes, panel: Panel) -> list[Segment]:
    """From each of the front to the next; returns the parts of all lines."""
    front, (left, right) = [panel.priced[index] for index in pareto(panel.priced)], axes.get_xlim()
    along = [*(each.cost for each in front), right]
    heights = [panel.reach.place(each.quality) for each in (*front, front[-1])]
    axes.step(along, heights, where="post", color=MUTED, linewidth=1.2, zorder=2, label="_")
    found: list[Segment] = [(a, height, b, height) for (a, b), height in zip(pairwise(along), heights, strict=False)]
    found += [(at, low, at, high) for at, (low, high) in zip(along[1:-1], pairwise(heights), strict=False)]
    return found + [(left, value, right, value) for _, value in panel.drawn]


def _names(axes: Axes, panel: Panel, lines: Sequence[Segment]) -> None:
    front = pareto(panel.priced)
    named = [index for index, each in enumerate(panel.priced) if not each.look.is_muted or index in front]
    spots = [_spot(panel.priced[index], panel.reach) for index in named]
    others = [
        (each.cost, panel.reach.place(each.quality)) for index, each in enumerate(panel.priced) if index not in named
    ]
    label_points(axes, spots, others, lines)


def _spot(each: Priced, shown: Reach) -> Point:
    """Where its name belongs; with its score where that is off the scale."""
    way = shown.way(each.quality)
    name = f"{each.look.label}{arrow(0, way)} {percent(each.quality)}" if way else each.look.label
    return Point(name, each.cost, shown.place(each.quality))
