"""The figures of a report, each with the sentence that it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fedreid.reports.drawing import GRID, INK, MARKERS, MUTED, SERIES, STYLE, blank, legend
from fedreid.reports.findings import Findings, Generic

MOST_ROWS = 40  # clients with a line of their own; more are shown as a distribution
MANY = 10  # clients from which a band leaves out the extremes


@dataclass(frozen=True)
class Drawing:
    """A figure with its place and its words.

    Attributes:
        name: file name without ending, and anchor in the page.
        section: "curves", "clients" or "costs".
        title, caption: what it shows, and how to read it.
    """

    name: str
    section: str
    title: str
    caption: str
    figure: Figure


def draw(findings: Findings, start: str) -> Iterator[Drawing]:
    """Every figure that the run has the numbers for; `start` names round 0 ("pre-trained")."""
    with mpl.rc_context(STYLE):
        if findings.changed:
            yield _generic(findings.changed, "mAP", "mAP", start)
            yield _generic(findings.changed, "rank1", "rank-1", start)
        if findings.has_personalized:
            yield _personalized(findings, start)
        if "loss" in findings.train:
            yield _loss(findings.train)
        if findings.has_personalized and (findings.has_start or findings.has_alone):
            few = len(findings.clients) <= MOST_ROWS
            yield _each_client(findings, start) if few else _gains(findings, start)
        if len(findings.phases):
            yield _phases(findings.phases)
        if findings.cost[["bytes_down", "bytes_up"]].notna().any(axis=None):
            yield _traffic(findings.cost)


def _generic(results: tuple[Generic, ...], metric: str, label: str, start: str) -> Drawing:
    figure, axes = blank()
    for place, result in enumerate(results):
        colour, marker = SERIES[place % len(SERIES)], MARKERS[place % len(MARKERS)]
        values = result.rounds[metric].dropna()
        axes.plot(values.index, values, color=colour, marker=_marker(marker, values), label=result.dataset)
        if result.start is not None:
            axes.axhline(result.start[metric], color=colour, linewidth=1.2, linestyle=(0, (5, 3)))
        if result.alone is not None and metric in result.alone:
            axes.axhline(result.alone[metric], color=colour, linewidth=1.2, linestyle=(0, (1, 2)))
    if any(result.start is not None for result in results):
        axes.plot([], [], color=MUTED, linewidth=1.2, linestyle=(0, (5, 3)), label=start)
    if any(result.alone is not None for result in results):
        axes.plot([], [], color=MUTED, linewidth=1.2, linestyle=(0, (1, 2)), label="alone, mean")
    _by_round(axes, f"{label} (%)")
    legend(axes)
    caption = "The shared model on identities that nobody trained on, after each evaluated round. Round 0 is the start."
    return Drawing(f"generic-{metric}", "curves", f"Generic {label}", caption, figure)


def _personalized(findings: Findings, start: str) -> Drawing:
    figure, axes = blank()
    words = _band(axes, findings.personalized["mAP"], "own models, mean")
    for column, name, dash in (("start", start, (0, (5, 3))), ("alone", "alone", (0, (1, 2)))):
        if findings.clients[column].notna().any():
            axes.axhline(
                findings.clients[column].mean(), color=MUTED, linewidth=1.2, linestyle=dash, label=f"{name}, mean"
            )
    _by_round(axes, "mAP (%)", floor=1)
    legend(axes)
    caption = f"Each client's own model, before aggregation, on held-out images of its own people: mean and {words}."
    return Drawing("personalized-mAP", "curves", "Personalized mAP", caption, figure)


def _loss(train: pd.DataFrame) -> Drawing:
    figure, axes = blank()
    words = _band(axes, train["loss"], "training loss, mean")
    axes.set_ylim(bottom=0)
    _by_round(axes, "CosFace loss", floor=1)
    legend(axes)
    return Drawing(
        "loss", "curves", "Training loss", f"In each client's last local epoch of a round: mean and {words}.", figure
    )


def _band(axes: Axes, values: pd.Series, label: str) -> str:
    """Means of (round, client) values with a band over clients; returns what the band is."""
    by_round = values.groupby(level="round")
    mean, most = by_round.mean(), int(by_round.count().max())
    low, high = (by_round.min(), by_round.max()) if most < MANY else (by_round.quantile(0.1), by_round.quantile(0.9))
    axes.plot(mean.index, mean, color=SERIES[0], marker=_marker("o", mean), label=label)
    if most > 1 and len(mean) == 1:
        axes.vlines(mean.index, low, high, color=SERIES[0], alpha=0.3, linewidth=6)
    elif most > 1:
        axes.fill_between(mean.index, low, high, color=SERIES[0], alpha=0.18, linewidth=0)
    return "lowest to highest client" if most < MANY else "the middle 80 % of clients"


def _marker(marker: str, values: pd.Series) -> str:
    return marker if len(values) <= 25 else ""


def _by_round(axes: Axes, label: str, floor: int = 0) -> None:
    axes.set_xlabel("round")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
    last = axes.dataLim.x1
    axes.set_xlim(floor - 0.3, max(last, floor + 1) + 0.3)


def _each_client(findings: Findings, start: str) -> Drawing:
    clients = findings.clients[findings.clients["final"].notna()].sort_values(["gain", "final"])
    figure, axes = blank(max(2.2, 1.1 + 0.26 * len(clients)))
    rows = np.arange(len(clients))
    reference = clients["alone"] if findings.has_alone else clients["start"]
    is_better = (clients["gain"] >= 0).to_numpy()
    for better in (True, False):
        chosen = is_better == better
        if not chosen.any():
            continue
        axes.hlines(
            rows[chosen],
            reference[chosen],
            clients["final"][chosen],
            color=SERIES[0 if better else 1],
            linewidth=2.5,
            alpha=0.45,
        )
        axes.plot(clients["final"][chosen], rows[chosen], "o", color=SERIES[0 if better else 1], markersize=7,
                  label=f"in the federation, {'better' if better else 'worse'}")  # fmt: skip
    if findings.has_alone:
        axes.plot(clients["alone"], rows, "x", color=INK, markersize=6, markeredgewidth=1.6, label="trained alone")
    if findings.has_start:
        axes.plot(clients["start"], rows, "|", color=MUTED, markersize=9, markeredgewidth=1.8, label=f"{start} model")
    axes.set_yticks(rows, [f"client {client}" for client in clients.index])
    axes.set_ylim(-0.7, len(clients) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("mAP on its own people (%)")
    legend(axes, columns=2)
    against = "training alone" if findings.has_alone else "the start"
    caption = f"Each line runs from {against} to the client's own model in the federation; sorted by the difference."
    return Drawing("clients-mAP", "clients", "Who gains", caption, figure)


def _gains(findings: Findings, start: str) -> Drawing:
    gains = findings.clients["gain"].dropna()
    figure, axes = blank(2.8)
    edges = _edges(gains)
    better, worse = gains[gains >= 0], gains[gains < 0]
    axes.hist(better, bins=edges, color=SERIES[0], label="better")
    axes.hist(worse, bins=edges, color=SERIES[1], label="worse")
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel("difference in mAP on its own people (points)")
    axes.set_ylabel("clients")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes)
    against = "training alone" if findings.has_alone else f"the {start} model"
    return Drawing(
        "clients-mAP", "clients", "Who gains", f"How many clients do better or worse than {against}.", figure
    )


def _edges(gains: pd.Series) -> list[float]:
    """Some thirty bins of one width with an edge at 0, so that no bar mixes gains with losses."""
    width = max(0.1, float(gains.max() - gains.min()) / 30)
    return list(np.arange(np.floor(gains.min() / width), np.ceil(gains.max() / width) + 1.5) * width)


PHASES = {
    "train_phase_seconds": "clients train",
    "aggregate_seconds": "aggregate",
    "evaluate_seconds": "evaluate",
    "checkpoint_seconds": "checkpoint",
}


def _phases(phases: pd.DataFrame) -> Drawing:
    figure, axes = blank(2.8)
    below, width = np.zeros(len(phases)), 0.75 if len(phases) <= 40 else 1.0  # thin gaps would shimmer
    for place, (column, name) in enumerate(PHASES.items()):
        if column in phases:
            values = phases[column].fillna(0).to_numpy()
            axes.bar(phases.index, values, bottom=below, width=width, color=SERIES[place], label=name)
            below = below + values
    _by_round(axes, "seconds", floor=0)
    axes.set_xlim(phases.index.min() - 0.7, phases.index.max() + 0.7)
    axes.grid(axis="x", visible=False)
    legend(axes, columns=4)
    return Drawing("seconds", "costs", "Seconds of each round", "Wall time by what the federation was doing.", figure)


def _traffic(cost: pd.DataFrame) -> Drawing:
    figure, axes = blank(2.8)
    total = cost[["bytes_down", "bytes_up"]].groupby(level="round").sum().cumsum()
    largest = float(total.to_numpy().max())
    unit, name = next((scale, name) for scale, name in UNITS if largest >= scale or scale == 1)
    for place, (column, label) in enumerate((("bytes_down", "to clients"), ("bytes_up", "from clients"))):
        style = "-" if place == 0 else (0, (4, 2))
        axes.plot([0, *total.index], [0, *(total[column] / unit)], color=SERIES[place], linestyle=style, label=label)
    _by_round(axes, name)
    axes.set_ylim(bottom=0)
    axes.axhline(0, color=GRID, linewidth=0.7)
    legend(axes)
    caption = "All model arrays that travelled in training, up to each round. Lines on top of each other are equal."
    return Drawing("traffic", "costs", "Traffic", caption, figure)


UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))
