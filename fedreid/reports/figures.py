"""The figures of a report, each with the sentence that it shows."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from fedreid.reports import curves, drift, embedding_map, hard_negatives, spent
from fedreid.reports.curves import by_round
from fedreid.reports.drawing import GRID, INK, MUTED, SERIES, STYLE, Drawing, blank, legend
from fedreid.reports.findings import Findings, Generic
from fedreid.reports.heat_map import heat_map
from fedreid.reports.models_figure import models_figure
from fedreid.reports.open_set import heading
from fedreid.reports.plane import plane

MOST_ROWS = 40  # clients with a line of their own; more are shown as a distribution


def draw(findings: Findings, start: str) -> Iterator[Drawing]:
    """Every figure that the run has the numbers for; `start` names round 0 ("pre-trained")."""
    names = findings.names
    with mpl.rc_context(STYLE):
        yield from _generic(findings, start)
        if findings.has_personalized:
            yield curves.personalized(findings, start)
        if (way := plane(findings, start)) is not None:
            yield way
        if "loss" in findings.train:
            yield curves.loss(findings.train, names)
        if len(findings.hard_negatives):
            yield from hard_negatives.figures(findings)
        yield from drift.figures(findings)
        yield from embedding_map.figures(findings.examples)
        if findings.has_personalized and (findings.has_start or findings.has_alone):
            few = len(findings.clients) <= MOST_ROWS
            yield _each_client(findings, start) if few else _gains(findings, start)
        if (models := models_figure(findings, start, names)) is not None:
            yield models
        if (by_round_and_client := heat_map(findings, start)) is not None:
            yield by_round_and_client
        if len(findings.phases):
            yield _phases(findings.phases)
        if findings.cost[["bytes_down", "bytes_up"]].notna().any(axis=None):
            yield _traffic(findings.cost)
        yield from spent.figures(findings)


def _generic(findings: Findings, start: str) -> Iterator[Drawing]:
    """A figure for each score; test sets of one kind share it."""
    found = {metric: label for result in findings.changed for metric, label in _curves(result).items()}
    for metric, label in found.items():
        results = tuple(result for result in findings.changed if metric in _curves(result))
        yield curves.generic(results, metric, label, start, findings.names)


def _curves(result: Generic) -> dict[str, str]:
    return {"mAP": "mAP", "rank1": "rank-1"} if result.is_ranked else {result.metric: heading(result.metric)}


def _each_client(findings: Findings, start: str) -> Drawing:
    clients = findings.clients[findings.clients["final"].notna()].sort_values(["gain", "final"])
    figure, axes = blank(max(2.2, 1.1 + 0.26 * len(clients)))
    rows = np.arange(len(clients))
    reference, place = clients[findings.against], findings.names.place
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
                  label=f"{place}, {'better' if better else 'worse'}")  # fmt: skip
    if findings.has_alone:
        axes.plot(clients["alone"], rows, "x", color=INK, markersize=6, markeredgewidth=1.6, label="trained alone")
    if findings.has_start:
        axes.plot(clients["start"], rows, "|", color=MUTED, markersize=9, markeredgewidth=1.8, label=f"{start} model")
    axes.set_yticks(rows, [f"client {client}" for client in clients.index])
    axes.set_ylim(-0.7, len(clients) - 0.3)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"mAP on {findings.names.its} (%)")
    legend(axes, columns=2)
    against = "training alone" if findings.against == "alone" else "the start"
    names = findings.names
    final = f"the {names.own}" if names.own == names.shared else f"the client's {names.own}"
    caption = f"Each line runs from {against} to {final}; sorted by the difference."
    return Drawing("clients-mAP", "clients", "Who gains", caption, figure)


def _gains(findings: Findings, start: str) -> Drawing:
    gains = findings.clients["gain"].dropna()
    figure, axes = blank(2.8)
    edges = _edges(gains)
    better, worse = gains[gains >= 0], gains[gains < 0]
    axes.hist(better, bins=edges, color=SERIES[0], label="better")
    axes.hist(worse, bins=edges, color=SERIES[1], label="worse")
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_xlabel(f"difference in mAP on {findings.names.its} (points)")
    axes.set_ylabel("clients")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes)
    against = "training alone" if findings.against == "alone" else f"the {start} model"
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
    by_round(axes, "seconds", floor=0)
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
    by_round(axes, name)
    axes.set_ylim(bottom=0)
    axes.axhline(0, color=GRID, linewidth=0.7)
    legend(axes)
    caption = "All model arrays that travelled in training, up to each round. Lines on top of each other are equal."
    return Drawing("traffic", "costs", "Traffic", caption, figure)


UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "bytes"))
