"""Each variant's difference to the reference, with its interval: what holds up against chance is filled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes

from fedreid.comparison import Contrast
from fedreid.comparison.sentences import points
from fedreid.reports.comparison_figures.measured import Field
from fedreid.reports.comparison_figures.rows import rows_figure
from fedreid.reports.comparison_figures.styles import Look
from fedreid.reports.comparison_figures.words import CLIENTS, NOBODY, seeds, title_of
from fedreid.reports.drawing import MUTED, PAPER, Drawing

MOST_SETS = 3  # test sets with a figure each; of more, all are in one
WHERE = {"generic": NOBODY, "personalized": CLIENTS}
FILLED = ("better", "worse")
ONE_SEED = "one seed doesn't say how far chance goes"


def figures(field: Field, contrasts: Sequence[Contrast], reference: str) -> Iterator[Drawing]:
    """A figure for each scope and dataset; many test sets share one."""
    headlines = {**field.sets, **field.others}
    chosen = [each for each in contrasts if each.metric == headlines.get(each.dataset, "mAP")
              or (each.scope == "personalized" and each.metric == "mAP")]  # fmt: skip
    chosen = [each for each in chosen if each.difference is not None]
    for scope in WHERE:
        found = sorted((each for each in chosen if each.scope == scope), key=lambda each: each.dataset)
        by_dataset = [(dataset, list(group)) for dataset, group in groupby(found, key=lambda each: each.dataset)]
        if len(by_dataset) > MOST_SETS:
            same = [(dataset, group) for dataset, group in by_dataset if group[0].metric == by_dataset[0][1][0].metric]
            yield _together(field, scope, same, reference)
            continue
        for dataset, group in by_dataset:
            name = f"differences-{scope}" + f"-{dataset}" * (len(by_dataset) > 1)
            yield _one(field, scope, dataset if len(by_dataset) > 1 else "", group, reference, name)


def _one(field: Field, scope: str, dataset: str, found: Sequence[Contrast], reference: str, name: str) -> Drawing:
    looks = {subject.variant.name: subject.look for subject in field.subjects}
    ordered = sorted(found, key=lambda each: each.difference.mean if each.difference else 0.0)
    figure, axes = rows_figure([looks[each.variant].name for each in ordered])
    for place, each in enumerate(ordered):
        _row(axes, place, each, looks[each.variant])
    metric = title_of(ordered[0].metric)
    finish(axes, f"{scope} {metric}: difference to {looks[reference].label} (points)")
    where = f"{WHERE[scope]}{f' ({dataset})' if dataset else ''}"
    title = f"{scope.capitalize()} {metric} against {reference}" + f": {dataset}" * bool(dataset)
    return Drawing(_plain(name), "differences", title, f"Difference to {reference} on {where}. {_how(ordered)}", figure)


def _row(axes: Axes, place: int, found: Contrast, look: Look) -> None:
    gap = found.difference
    assert gap is not None
    if not np.isnan(gap.low):
        axes.hlines(place, gap.low, gap.high, color=look.colour, linewidth=2.2, alpha=0.55, zorder=2.5)
    axes.plot(
        gap.mean, place, look.marker, color=look.colour, markersize=7 * look.size, markeredgewidth=1.5,
        markerfacecolor=look.colour if found.verdict in FILLED else PAPER, zorder=3,
    )  # fmt: skip
    axes.annotate(
        points(gap.mean), (1.0, place), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
        va="center", fontsize=9,
    )  # fmt: skip


def finish(axes: Axes, label: str) -> None:
    """A line where there is no difference, in the figure."""
    axes.axvline(0, color=MUTED, linewidth=1)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -0.05), max(high, 0.05))
    axes.set_xlabel(label)


def _how(found: Sequence[Contrast]) -> str:
    gaps = [each.difference for each in found if each.difference is not None]
    counts = seeds(gap.n for gap in gaps)
    if all(gap.n == 1 for gap in gaps):
        return f"Points only: {ONE_SEED}, so intervals are withheld."
    withheld = " Where there is no line, the interval can't be told." * any(np.isnan(gap.low) for gap in gaps)
    over = " or ".join(dict.fromkeys(gap.over for gap in gaps if gap.n > 1))
    return (
        f"Lines are {100 * found[0].level:g} % intervals over {over} ({counts}). Filled: better or worse, with all "
        f"comparisons taken into account; hollow: can't tell.{withheld}"
    )


def _together(field: Field, scope: str, sets: Sequence[tuple[str, Sequence[Contrast]]], reference: str) -> Drawing:
    """All test sets in one figure: a small mark for each, and their mean."""
    looks = {subject.variant.name: subject.look for subject in field.subjects}
    rows: dict[str, list[Contrast]] = {}
    for _, group in sets:
        for each in group:
            rows.setdefault(each.variant, []).append(each)
    means = {
        name: float(np.mean([each.difference.mean for each in row if each.difference])) for name, row in rows.items()
    }
    ordered = sorted(rows, key=lambda name: means[name])
    figure, axes = rows_figure([looks[name].name for name in ordered])
    for place, name in enumerate(ordered):
        look = looks[name]
        for each in rows[name]:
            assert each.difference is not None
            axes.plot(each.difference.mean, place, "o", color=look.colour, markersize=5,
                      markerfacecolor=look.colour if each.verdict in FILLED else "none", zorder=3)  # fmt: skip
        axes.plot(means[name], place, "|", color=look.colour, markersize=15, markeredgewidth=2.5)
        axes.annotate(points(means[name]), (1.0, place), xycoords=("axes fraction", "data"), xytext=(4, 0),
                      textcoords="offset points", va="center", fontsize=9)  # fmt: skip
    metric = title_of(sets[0][1][0].metric)
    finish(axes, f"{scope} {metric}: difference to {looks[reference].label} (points)")
    gaps = [each.difference for row in rows.values() for each in row if each.difference]
    counts = seeds(gap.n for gap in gaps)
    filled = (
        "Filled: better or worse there, with all comparisons on that set taken into account; hollow: can't tell. The "
        "table has the intervals."
    )
    caption = (
        f"Difference to {reference} on each of {len(sets)} sets, {WHERE[scope]} ({counts}); the bar and the number are "
        f"their mean. {f'Nothing is concluded: {ONE_SEED}.' if counts == '1 seed' else filled}"
    )
    return Drawing(
        f"differences-{scope}", "differences", f"{scope.capitalize()} {metric} against {reference}", caption, figure
    )


def _plain(name: str) -> str:
    """For a file's name."""
    return "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in name)
