"""A run's way through the plane of two aims: people nobody trained on, and the clients' own people."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from fedreid.reports.curves import of_those_there
from fedreid.reports.drawing import MUTED, PAPER, SERIES, Drawing, blank, legend, settle
from fedreid.reports.findings import Findings
from fedreid.reports.point_labels import Point, Segment, label_points

FEWEST = 2  # rounds with both scores; one is no way
MOST_NUMBERED, MOST_MARKED = 12, 25  # rounds that all have their number, and a point
ALONE = (0, (1, 2))


def plane(findings: Findings, start: str) -> Drawing | None:
    """Generic against personalized mAP, round by round; None where fewer than FEWEST rounds have both.

    Args:
        start: what round 0 is called ("pre-trained").
    """
    way, number = _way(findings)
    if len(way) < FEWEST:
        return None
    figure, axes = blank(3.8)
    _path(axes, way)
    has_alone = _alone(axes, findings)
    axes.margins(0.12)
    several = f", mean of {number} test sets" if number > 1 else ""
    axes.set_xlabel("generic mAP (%), better →")
    axes.set_ylabel("personalized mAP (%), better →")
    legend(axes)
    settle(figure)
    spots = [Point(str(way.index[place]), *way.iloc[place]) for place in _numbered(len(way))]
    others = [(float(x), float(y)) for x, y in way.to_numpy()] if len(way) <= MOST_MARKED else []
    label_points(axes, spots, others, _pieces(way))
    names = findings.names
    guides = " Dotted: what clients reach that train alone, mean." if has_alone else ""
    begun = f" It starts at round 0, the {start} model." if way.index[0] == 0 else ""
    caption = (
        f"To the right: the {names.shared} on people nobody trained on{several}; upwards: the mean over clients on "
        f"{names.theirs}. Numbers are rounds; the filled point is the last.{begun} Top right is best.{guides}"
        f"{of_those_there(findings.personalized['mAP'])}"
    )
    return Drawing("plane", "curves", "Generic against personalized", caption, figure)


def _way(findings: Findings) -> tuple[pd.DataFrame, int]:
    """Rounds that have both scores (columns generic, personalized), and the number of test sets."""
    ranked = [result.rounds["mAP"] for result in findings.changed if result.is_ranked and "mAP" in result.rounds]
    if not ranked or "mAP" not in findings.personalized:
        return pd.DataFrame(), 0
    generic = pd.concat(ranked, axis=1).dropna().mean(axis=1)
    own = findings.personalized["mAP"].groupby(level="round").mean().dropna()
    if 0 in generic.index and findings.has_start:  # round 0 is left out of `personalized`
        own = pd.concat([pd.Series({0: findings.clients["start"].mean()}), own])
    both = pd.DataFrame({"generic": generic, "personalized": own}).dropna()
    return both.sort_index(), len(ranked)


def _path(axes: Axes, way: pd.DataFrame) -> None:
    """A point for each of a few rounds, a line through all, and the last one filled."""
    x, y = way["generic"], way["personalized"]
    is_long = len(way) > MOST_MARKED
    axes.plot(x, y, color=SERIES[0], linewidth=1 if is_long else 2, alpha=0.5 if is_long else 1, label="round by round")
    if not is_long:
        axes.plot(x.iloc[:-1], y.iloc[:-1], "o", color=SERIES[0], markerfacecolor=PAPER)
    axes.plot(x.iloc[-1:], y.iloc[-1:], "o", color=SERIES[0], markersize=8, zorder=3)


def _numbered(rounds: int) -> list[int]:
    """Places of the rounds that get their number: all of a few, else some at equal distances with first and last."""
    if rounds <= MOST_NUMBERED:
        return [*range(rounds)]
    return [int(place) for place in np.unique(np.linspace(0, rounds - 1, 5).round().astype(int))]


def _pieces(way: pd.DataFrame) -> list[Segment]:
    """The line from round to round, in parts that hide little beside it."""
    found: list[Segment] = []
    for before, after in pairwise(way.to_numpy()):
        parts = np.linspace(before, after, 9)
        found += [(float(a), float(b), float(c), float(d)) for (a, b), (c, d) in pairwise(parts)]
    return found if len(way) <= MOST_MARKED else []


def _alone(axes: Axes, findings: Findings) -> bool:
    """Guides where clients that trained alone are; whether there are any."""
    alone = [
        result.alone["mAP"]
        for result in findings.changed
        if result.is_ranked and result.alone and "mAP" in result.alone
    ]
    label = "alone, mean"
    if alone:
        axes.axvline(sum(alone) / len(alone), color=MUTED, linewidth=1.2, linestyle=ALONE, label=label)
    if findings.has_alone:
        axes.axhline(
            findings.clients["alone"].mean(), color=MUTED, linewidth=1.2, linestyle=ALONE, label="_" if alone else label
        )
    return bool(alone) or findings.has_alone
