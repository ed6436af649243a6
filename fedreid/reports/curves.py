"""Figures with rounds along the axis: scores, loss, and the public images that clients train on."""

from __future__ import annotations

import re

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fedreid.reports.drawing import MARKERS, MUTED, SERIES, Drawing, blank, legend
from fedreid.reports.findings import Findings, Generic
from fedreid.reports.names import Names
from fedreid.reports.overview import MANY as MANY_SETS  # level lines would hide the curves: it has their numbers

MANY = 10  # clients from which a band leaves out the extremes
DASHES = {"start": (0, (5, 3)), "alone": (0, (1, 2)), "again": (0, (6, 2))}


def generic(results: tuple[Generic, ...], metric: str, label: str, start: str, names: Names) -> Drawing:
    """The shared model by round, and as level lines what it is compared with."""
    figure, axes = blank()
    for place, result in enumerate(results):
        colour, marker = SERIES[place % len(SERIES)], MARKERS[(place + place // len(SERIES)) % len(MARKERS)]
        values = result.rounds[metric].dropna()
        again = DASHES["again"] if place >= len(SERIES) else "-"  # a colour's second curve
        axes.plot(
            values.index, values, color=colour, marker=_marker(marker, values), linestyle=again, label=result.dataset
        )
        if len(results) < MANY_SETS and result.start is not None and metric in result.start:
            axes.axhline(result.start[metric], color=colour, linewidth=1.2, linestyle=DASHES["start"])
        if len(results) < MANY_SETS and result.alone is not None and metric in result.alone:
            axes.axhline(result.alone[metric], color=colour, linewidth=1.2, linestyle=DASHES["alone"])
    few = results if len(results) < MANY_SETS else ()
    if any(result.start is not None for result in few):
        axes.plot([], [], color=MUTED, linewidth=1.2, linestyle=DASHES["start"], label=start)
    if any(result.alone is not None for result in few):
        axes.plot([], [], color=MUTED, linewidth=1.2, linestyle=DASHES["alone"], label="alone, mean")
    by_round(axes, f"{label} (%)")
    legend(axes)
    caption = (
        f"The {names.shared} on identities that nobody trained on, after each evaluated round. Round 0 is the start."
    )
    return Drawing(f"generic-{_slug(metric)}", "curves", f"Generic {label}", caption, figure)


def personalized(findings: Findings, start: str) -> Drawing:
    """What is scored on the clients' own people, by round."""
    figure, axes = blank()
    names = findings.names
    words = band(axes, findings.personalized["mAP"], f"{names.several}, mean")
    for column, name in (("start", start), ("alone", "alone")):
        if findings.clients[column].notna().any():
            level = findings.clients[column].mean()
            axes.axhline(level, color=MUTED, linewidth=1.2, linestyle=DASHES[column], label=f"{name}, mean")
    by_round(axes, "mAP (%)", floor=1)
    legend(axes)
    asked = "its dataset's test set" if names.on_test_set else f"held-out images of {names.people}"
    caption = f"{names.subject} on {asked}: mean and {words}.{of_those_there(findings.personalized['mAP'])}"
    return Drawing("personalized-mAP", "curves", "Personalized mAP", caption, figure)


def loss(train: pd.DataFrame, names: Names) -> Drawing:
    """The training loss by round."""
    figure, axes = blank()
    words = band(axes, train["loss"], "training loss, mean")
    axes.set_ylim(bottom=0)
    by_round(axes, names.loss, floor=1)
    legend(axes)
    whose = "In each client's last local epoch of a round" if names.shared != names.own else "In a round's last epoch"
    spread = f": mean and {words}" if train.index.get_level_values("client").nunique() > 1 else ""
    added = "" if names.loss == "CosFace loss" else " All terms together, with their weights."
    return Drawing("loss", "curves", "Training loss", f"{whose}{spread}.{added}", figure)


def band(axes: Axes, values: pd.Series, label: str) -> str:
    """Means of (round, client) values with a band over clients; returns what the band is."""
    groups = values.groupby(level="round")
    mean, most = groups.mean(), int(groups.count().max())
    low, high = (groups.min(), groups.max()) if most < MANY else (groups.quantile(0.1), groups.quantile(0.9))
    axes.plot(mean.index, mean, color=SERIES[0], marker=_marker("o", mean), label=label)
    if most > 1 and len(mean) == 1:
        axes.vlines(mean.index, low, high, color=SERIES[0], alpha=0.3, linewidth=6)
    elif most > 1:
        axes.fill_between(mean.index, low, high, color=SERIES[0], alpha=0.18, linewidth=0)
    return "lowest to highest client" if most < MANY else "the middle 80 % of clients"


def of_those_there(values: pd.Series) -> str:
    """A sentence where not all clients were scored in every round; (round, client) values."""
    several = values.dropna().groupby(level="round").count().nunique() > 1
    return " In each round of the clients that were scored then, which aren't always all." if several else ""


def by_round(axes: Axes, label: str, floor: int = 0) -> None:
    """Rounds along the axis, from `floor` to the last one that is drawn."""
    axes.set_xlabel("round")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    last = axes.dataLim.x1
    axes.set_xlim(floor - 0.3, max(last, floor + 1) + 0.3)


def _slug(metric: str) -> str:
    """For a file's name: TAR-FAR-1e-4."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", metric)


def _marker(marker: str, values: pd.Series) -> str:
    return marker if len(values) <= 25 else ""
