"""Who fares how: the spread over clients, the worst of them, and what personalization is worth."""

from __future__ import annotations

from collections.abc import Sequence

from fedreid.comparison.fairness import Fairness
from fedreid.comparison.families import MEANS
from fedreid.comparison.statistics import NAN, PairedDifference, paired
from fedreid.comparison.variants import Variant
from fedreid.reports.comparison_page.kinds import by_seed, kind_of, mean_of, seeds_told
from fedreid.reports.numbers import DASH, is_missing, percent, points
from fedreid.reports.tables import Cell, Table, row


def fairness_tables(variants: Sequence[Variant], found: Sequence[Fairness]) -> list[Table]:
    """A table for each dataset whose clients were scored."""
    kinds = {variant.name: kind_of(variant) for variant in variants}
    tables = []
    for dataset in dict.fromkeys(each.dataset for each in found):
        chosen = [each for each in found if each.dataset == dataset and each.clients]
        lasting = all(each.is_lasting for each in chosen)
        rows = [
            row(each.variant, str(each.n), str(each.clients), _number(each.spread),
                *((_named(each.worst, each.worst_client), _named(each.best, each.best_client)) if lasting else ()),
                _number(each.lowest), is_bound=kinds[each.variant] != "federated")
            for each in chosen
        ]  # fmt: skip
        extremes = ("Worst client", "Best client") if lasting else ()
        columns = ("Variant", "Seeds", "Clients", "Spread over clients", *extremes, "Lowest client of a seed, mean")
        better = ("", "", "", "low", *(("high", "high") if lasting else ()), "high")
        note = (
            f"mAP of the clients' own models on their own people, in percent, over {seeds_told(variants)}. Spread: "
            "standard deviation over clients, mean over seeds."
        )
        if not lasting:
            note += " Each seed has clients of its own, so there is no one client that is worst in all of them."
        if max((each.clients for each in chosen), default=0) > 1:
            title = "All clients" if dataset == MEANS["personalized"] else f"Clients of {dataset}"
            name = f"fairness-{dataset}"
            tables.append(Table(title, columns, tuple(rows), note, is_sortable=True, better=better, name=name))
    return tables


def over_shared(variant: Variant) -> PairedDifference | None:
    """What a client's own model has over the shared one on its own people; None where one wasn't measured."""
    own, shared = by_seed(variant, "own"), by_seed(variant, "global_model")
    return paired(own, shared) if own and shared else None


def over_alone(variants: Sequence[Variant], variant: Variant) -> PairedDifference | None:
    """What a client's own model has over one that it trains alone."""
    own, lonely = by_seed(variant, "own"), alone(variants, variant)
    return paired(own, lonely) if own and lonely else None


def alone(variants: Sequence[Variant], variant: Variant) -> dict[int, float]:
    """By seed, what clients reach that train alone: in the variant's own runs, or else in those that brought it."""
    own = by_seed(variant, "local_only")
    if len(own) == len(variant.runs):
        return own
    others = (by_seed(other, "own") for other in variants if kind_of(other) == "alone")
    return next((scores for scores in others if scores), own)


def worth_table(variants: Sequence[Variant]) -> Table | None:
    """Own, shared and lonely models on the clients' own people; None where nothing but the own ones was measured."""
    rows, has_more = [], False
    for variant in variants:
        if kind_of(variant) != "federated":
            continue
        own, shared = (mean_of(by_seed(variant, model)) for model in ("own", "global_model"))
        lonely = mean_of(alone(variants, variant))
        if own is None:
            continue
        has_more = has_more or shared is not None or lonely is not None
        gains = (_gain(over_shared(variant)), _gain(over_alone(variants, variant)))
        rows.append(row(variant.name, str(len(variant.runs)), *map(_number, (own, shared, lonely)), *gains))
    if not has_more:
        return None
    columns = ("Variant", "Seeds", "Own model", "Shared model", "Trained alone", "Own over shared", "Own over alone")
    note = (
        f"mAP on the clients' own people in percent, mean over clients and {seeds_told(variants)}; differences in "
        "points, small below them the 95 % interval over seeds. Coloured where it leaves out 0. Trained alone is "
        "the same for all variants unless their own runs measured it."
    )
    better = ("", "", "high", "high", "", "", "")
    return Table("What personalization is worth", columns, tuple(rows), note, is_sortable=True, better=better)


def _gain(found: PairedDifference | None) -> Cell:
    if found is None:
        return Cell(DASH)
    if is_missing(found.low):
        return Cell(points(found.mean), value=found.mean)
    shade = 0.6 if found.low > 0 else -0.6 if found.high < 0 else 0.0
    return Cell(points(found.mean), shade, f"{points(found.low)} to {points(found.high)}", value=found.mean)


def _number(value: float | None) -> Cell:
    return Cell(percent(value), value=NAN if value is None else value)


def _named(value: float, client: int) -> Cell:
    return Cell(percent(value), detail=f"client {client}" if client >= 0 else "", value=value)
