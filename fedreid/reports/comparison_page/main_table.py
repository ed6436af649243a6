"""One line for each variant: how good, how sure, at which cost. A table for each test set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fedreid.comparison.fairness import Fairness
from fedreid.comparison.families import MEANS, SCOPES
from fedreid.comparison.sentences import points, seeds
from fedreid.comparison.variants import Variant
from fedreid.comparison.verdicts import Contrast
from fedreid.reports.comparison_page.costs import Costs, cell
from fedreid.reports.comparison_page.kinds import HEADLINES, MOST_SEEDS, has_intervals, kind_of, label, seeds_told
from fedreid.reports.numbers import DASH
from fedreid.reports.tables import Cell, Table, row

MOST_HEADLINES = 2
LONGEST = 24  # letters of a name in a column's title
BOUNDS = {"central": "all images in one place", "alone": "no federation"}
FULL = 0.6  # how strongly a difference that is told is coloured
ORDER = {"better": 2.0, "reference": 1.0, "the same": 1.0, "worse": -1.0}  # by which verdicts are sorted
COSTS = {"bytes": "Traffic", "macs": "Multiplications", "training_seconds": "Training time",
         "simulated_seconds": "Simulated time", "joules": "Energy"}  # fmt: skip

Found = Mapping[tuple[str, str, str, str], Contrast]  # by variant, scope, dataset, metric


@dataclass(frozen=True)
class Column:
    """A column of the main table; `better`: as in `Table.better`."""

    title: str
    cell: Callable[[Variant], Cell]
    better: str = ""


def by_place(contrasts: Sequence[Contrast]) -> Found:
    """Contrasts by variant, scope, dataset and metric."""
    return {(each.variant, each.scope, each.dataset, each.metric): each for each in contrasts}


def main_tables(
    variants: Sequence[Variant],
    contrasts: Sequence[Contrast],
    costs: Mapping[str, Costs],
    fairness: Sequence[Fairness],
    reference: str,
) -> list[Table]:
    """A table for each dataset, generic test sets first; the costs are those of the whole run."""
    found, unfair = by_place(contrasts), {(each.variant, each.dataset): each for each in fairness}
    tables = []
    for generic, personal in _pairs(contrasts):
        columns = [
            Column("Seeds", lambda variant: Cell(str(len(variant.runs)))),
            *_scores(found, "generic", generic, reference, ""),
            *_scores(found, "personalized", personal, reference, "Own models "),
            *_worst(unfair, personal),
            *(Column(title, _cost(costs, name), "low") for name, title in COSTS.items()),
        ]
        tables.append(_table(generic or personal, personal, columns, variants, contrasts, reference))
    return tables


def _pairs(contrasts: Sequence[Contrast]) -> list[tuple[str, str]]:
    """(generic test set, dataset of the clients) that share a table; empty where there is none of a kind.

    A test set has the clients of its own dataset beside it, or those of the only one; the mean has all clients.
    """
    sets = {scope: [*dict.fromkeys(each.dataset for each in contrasts if each.scope == scope)] for scope in SCOPES}
    generic, personal = (sets[scope] for scope in SCOPES)
    every = MEANS["personalized"]
    only = personal[0] if len(personal) == 1 else ""
    beside = {name: name for name in personal} | ({MEANS["generic"]: every} if every in personal else {})
    found = [(dataset, beside.get(dataset, only)) for dataset in generic]
    return found + [("", dataset) for dataset in personal if dataset not in {own for _, own in found}]


def score(found: Contrast | None) -> Cell:
    """Mean and standard deviation over seeds."""
    if found is None or not found.score.n:
        return Cell(DASH)
    mean, sd = found.score.mean, found.score.sd
    if math.isnan(sd):
        return Cell(f"{mean:.1f}", value=mean)
    return Cell(f"{mean:.1f} ± {sd:.1f}", value=mean, spread=sd)


def difference(found: Contrast | None) -> Cell:
    """Difference to the reference, and its interval where there is one; coloured where the verdict is sure."""
    if found is None or (gap := found.difference) is None:
        return Cell(DASH)
    shade = {"better": FULL, "worse": -FULL}.get(found.verdict, 0.0)
    interval = "" if math.isnan(gap.low) else f"{points(gap.low)} to {points(gap.high)}"
    return Cell(points(gap.mean), shade, interval, value=gap.mean)


def verdict(found: Contrast | None) -> Cell:
    """Better, worse or can't tell, and the number of seeds that would."""
    if found is None or found.verdict == "missing":
        return Cell(DASH)
    needed = ""
    if math.isinf(found.seeds_needed):
        needed = "seeds alone won't"
    elif not math.isnan(found.seeds_needed):
        few = found.seeds_needed <= MOST_SEEDS
        needed = f"about {seeds(found.seeds_needed)} would" if few else f"more than {seeds(MOST_SEEDS)}"
    text = {"no pair": "no common seed"}.get(found.verdict, str(found.verdict))
    return Cell(text, detail=needed, value=ORDER.get(found.verdict, 0.0))


def _scores(found: Found, scope: str, dataset: str, reference: str, whose: str) -> list[Column]:
    names = {metric for _, kind, each, metric in found if (kind, each) == (scope, dataset)}
    metrics = [metric for metric in HEADLINES if metric in names][: 1 if whose else MOST_HEADLINES]
    if not metrics:
        return []

    def of(metric: str, show: Callable[[Contrast | None], Cell]) -> Callable[[Variant], Cell]:
        return lambda variant: show(found.get((variant.name, scope, dataset, metric)))

    titles = {metric: f"{whose}{label(metric)}" for metric in metrics}
    first = metrics[0]
    return [
        *(Column(title, of(metric, score), "high") for metric, title in titles.items()),
        Column(f"{'Own' if whose else titles[first]} vs {against(reference)}", of(first, difference)),
        Column("Own verdict" if whose else "Verdict", of(first, verdict)),
    ]


def against(reference: str) -> str:
    """The reference as a column's title calls it."""
    return reference if len(reference) <= LONGEST else "reference"


def _worst(unfair: Mapping[tuple[str, str], Fairness], dataset: str) -> list[Column]:
    if not any(found.clients > 1 for (_, each), found in unfair.items() if each == dataset):
        return []

    def worst(variant: Variant) -> Cell:
        found = unfair.get((variant.name, dataset))
        if found is None or found.clients < 1:
            return Cell(DASH)
        if found.is_lasting:
            return Cell(f"{found.worst:.1f}", detail=f"client {found.worst_client}", value=found.worst)
        return Cell(f"{found.lowest:.1f}", value=found.lowest)

    return [Column("Worst client mAP", worst, "high")]


def _cost(costs: Mapping[str, Costs], name: str) -> Callable[[Variant], Cell]:
    return lambda variant: cell(costs[variant.name], name)


def _table(
    dataset: str,
    personal: str,
    columns: Sequence[Column],
    variants: Sequence[Variant],
    contrasts: Sequence[Contrast],
    reference: str,
) -> Table:
    """Columns in which no variant has anything are left out."""
    cells = {column.title: [column.cell(variant) for variant in variants] for column in columns}
    kept = [column for column in columns if any(each.text != DASH for each in cells[column.title])]
    rows = [
        row(Cell(variant.name, detail="reference" if variant.name == reference else BOUNDS.get(kind_of(variant), "")),
            *(cells[column.title][place] for column in kept), is_bound=kind_of(variant) != "federated")
        for place, variant in enumerate(variants)
    ]  # fmt: skip
    return Table(
        dataset, ("Variant", *(column.title for column in kept)), tuple(rows),
        _note((dataset, personal), variants, contrasts, kept), is_sortable=True,
        better=("", *(column.better for column in kept)), name=f"main-{dataset}",
    )  # fmt: skip


def _note(
    datasets: tuple[str, str], variants: Sequence[Variant], contrasts: Sequence[Contrast], kept: Sequence[Column]
) -> str:
    """How to read it, how many seeds it is of, and who lacks what."""
    level = 100 * contrasts[0].level
    has_spread = max(len(variant.runs) for variant in variants) > 1
    scores = f"Mean ± standard deviation over {seeds_told(variants)}" if has_spread else "Scores of one seed"
    lines = [f"In percent; differences in points. {scores}."]
    if has_intervals(variants):
        lines[0] += (
            f" Small below a difference: its {level:g} % interval. Verdicts are corrected for the number of variants. "
            "Bold: the best federated variant of a column."
        )
    else:
        lines[0] += " With one seed there are no intervals and no verdicts: it doesn't say how far chance goes."
    if any(column.title.startswith("Own models") for column in kept):
        whose = f" ({datasets[1]})" if datasets[1] != datasets[0] else ""
        lines[0] += f" Own models: each client's own, on its own people{whose}, mean over clients."
    averaged = {
        each.scope: each.sets
        for each in contrasts
        if each.sets and each.dataset == datasets[each.scope == "personalized"]
    }
    if generic := averaged.get("generic"):
        lines[0] += f" Means over {len(generic)} test sets, each counting alike: {', '.join(generic)}."
    elif own := averaged.get("personalized"):
        lines[0] += f" The clients are those of {', '.join(own)}."
    lines += [
        f"{each.variant} has no {label(each.metric)} here{' of own models' * (each.scope == 'personalized')}."
        for each in contrasts
        if each.verdict == "missing"
        and each.metric in HEADLINES[:MOST_HEADLINES]
        and each.dataset == datasets[each.scope == "personalized"]
    ]
    return "\n".join(lines)
