"""Each variant's difference to the reference, with its interval: what holds up against chance is filled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes

from fedreid.comparison import Contrast
from fedreid.comparison.families import MEANS
from fedreid.comparison.sentences import points
from fedreid.reports.comparison_figures.measured import Field
from fedreid.reports.comparison_figures.rows import rows_figure
from fedreid.reports.comparison_figures.styles import Look
from fedreid.reports.comparison_figures.words import CLIENTS, NOBODY, seeds, title_of
from fedreid.reports.drawing import MUTED, PAPER, Drawing

MOST_SETS = 3  # test sets with a figure each; of more, all are in one
WHERE = {"generic": NOBODY, "personalized": CLIENTS}
FILLED = ("better", "worse")
LONGEST = 16  # letters of the reference's name below the axis
APART = 0.28  # of a row: how far below a mean its parts stand
ONE_SEED = "one seed doesn't say how far chance goes"


def figures(field: Field, contrasts: Sequence[Contrast], reference: str) -> Iterator[Drawing]:
    """A figure for each scope and dataset; many test sets share one."""
    headlines = {**field.sets, **field.others, MEANS["generic"]: field.metric}
    chosen = [each for each in contrasts if each.metric == headlines.get(each.dataset, "mAP")
              or (each.scope == "personalized" and each.metric == "mAP")]  # fmt: skip
    chosen = [each for each in chosen if each.difference is not None]
    for scope in WHERE:
        mean, by_dataset = _sorted_out([each for each in chosen if each.scope == scope])
        if mean and len(by_dataset) > MOST_SETS:
            parts = [by_dataset.pop(name) for name in mean[0].sets]
            yield _together(field, scope, mean, parts, reference)
        elif mean:
            by_dataset = {MEANS[scope]: mean, **by_dataset}
        for dataset, group in by_dataset.items():
            name = f"differences-{scope}" + f"-{dataset}" * (len(by_dataset) > 1)
            yield _one(field, scope, dataset if len(by_dataset) > 1 else "", group, reference, name)


def _sorted_out(found: Sequence[Contrast]) -> tuple[list[Contrast], dict[str, list[Contrast]]]:
    """The mean over several sets, where there is one, and the single ones."""
    by_dataset: dict[str, list[Contrast]] = {}
    for each in found:
        if not each.sets:
            by_dataset.setdefault(each.dataset, []).append(each)
    return [each for each in found if each.sets], by_dataset


def _one(field: Field, scope: str, dataset: str, found: Sequence[Contrast], reference: str, name: str) -> Drawing:
    looks = {subject.variant.name: subject.look for subject in field.subjects}
    ordered = sorted(found, key=lambda each: each.difference.mean if each.difference else 0.0)
    figure, axes = rows_figure([looks[each.variant].name for each in ordered])
    for place, each in enumerate(ordered):
        _row(axes, place, each, looks[each.variant])
    metric = title_of(ordered[0].metric)
    finish(axes, f"{scope} {metric}: {_to(looks[reference])} (points)")
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


def _to(reference: Look) -> str:
    """On the axis, where there is no room for long names."""
    return f"difference to {reference.label if len(reference.name) <= LONGEST else 'the reference'}"


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


def _together(
    field: Field, scope: str, mean: Sequence[Contrast], sets: Sequence[Sequence[Contrast]], reference: str
) -> Drawing:
    """All test sets in one figure: a small mark for each, and their mean with its interval."""
    looks = {subject.variant.name: subject.look for subject in field.subjects}
    ordered = sorted(mean, key=lambda each: each.difference.mean if each.difference else 0.0)
    places = {each.variant: place for place, each in enumerate(ordered)}
    figure, axes = rows_figure([looks[each.variant].name for each in ordered])
    for each in (each for group in sets for each in group if each.variant in places):
        assert each.difference is not None
        axes.plot(each.difference.mean, places[each.variant] - APART, "|", color=looks[each.variant].colour,
                  markersize=7, markeredgewidth=1.2, alpha=0.8, zorder=2.5)  # fmt: skip
    for place, each in enumerate(ordered):
        _row(axes, place, each, looks[each.variant])
    metric = title_of(ordered[0].metric)
    finish(axes, f"{scope} {metric}: {_to(looks[reference])} (points)")
    whose = "each test set" if scope == "generic" else "the clients of each dataset"
    caption = (
        f"Difference to {reference} on {WHERE[scope]}, mean over {len(mean[0].sets)} sets; thin strokes below: "
        f"{whose}. {_how(ordered)}"
    )
    title = f"{scope.capitalize()} {metric} against {reference}: {MEANS[scope]}"
    return Drawing(f"differences-{scope}", "differences", title, caption, figure)


def _plain(name: str) -> str:
    """For a file's name."""
    return "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in name)
