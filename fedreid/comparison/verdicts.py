"""Every variant against the reference, metric by metric: better, worse, or can't tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fedreid.comparison.bootstrap import shared_variance
from fedreid.comparison.families import Family, families
from fedreid.comparison.power import seeds_needed
from fedreid.comparison.statistics import NAN, PairedDifference, Spread, holm, paired, spread
from fedreid.comparison.units import By, Resampled, mean_over_sets, resampled_clients, resampled_people
from fedreid.comparison.variants import Variant, reference_of

Verdict = Literal["reference", "better", "worse", "can't tell", "the same", "one seed", "no pair", "missing"]


@dataclass(frozen=True)
class Options:
    """How differences are judged.

    Attributes:
        level: of the intervals; what is left to 1 is the level of the corrected tests.
        replicates: of the bootstrap.
        seed: of the bootstrap.
        by: "people": each with all its queries; "queries": one by one, as if they were independent (too sure).
        power: with which `seeds_needed` seeds would tell.
    """

    level: float = 0.95
    replicates: int = 2000
    seed: int = 0
    by: By = "people"
    power: float = 0.8


DEFAULTS = Options()


@dataclass(frozen=True)
class Contrast:
    """One variant held against the reference in one metric.

    Attributes:
        variant, reference: names.
        metric, scope, dataset: what is scored; `dataset` is one of MEANS where it is the mean over several.
        score: over all seeds of the variant.
        difference: to the reference over the seeds that both have; None for the reference itself, or where there is
            none such.
        p_corrected: Holm's, over all variants in this metric.
        verdict: "better" or "worse" where the corrected test says so; "can't tell" where it doesn't; "the same" where
            all scores agree; "one seed" where nothing is known of chance; "no pair" without a seed that both have;
            "missing" where the variant lacks the metric.
        seeds_needed: to tell with the observed difference; inf: no number would; nan where it is told, or unknown.
        comparisons: in this metric, which is what p was corrected for.
        level: of the interval.
        sets: the datasets that it is the mean over; empty for a single one.
    """

    variant: str
    reference: str
    metric: str
    scope: str
    dataset: str
    score: Spread
    difference: PairedDifference | None
    p_corrected: float
    verdict: Verdict
    seeds_needed: float
    comparisons: int = 1
    level: float = 0.95
    sets: tuple[str, ...] = ()


def contrasts(
    variants: Sequence[Variant],
    reference: str | None = None,
    *,
    metrics: Sequence[str] | None = None,
    options: Options = DEFAULTS,
) -> list[Contrast]:
    """All variants against the reference in every metric, in the order of scope, dataset, metric and variant.

    Whether they may be compared is another question, see `fedreid.comparison.comparability`.

    Args:
        reference: name of a variant; None: the first.
        metrics: only these; None: all that any run has.

    Raises:
        UserError: the reference isn't one of the variants.
        ValueError: two variants have the same name.
    """
    chosen = reference_of(variants, reference).name
    if len({variant.name for variant in variants}) < len(variants):
        raise ValueError(f"variants need names of their own, found {', '.join(variant.name for variant in variants)}")
    found: list[Contrast] = []
    for family in families(variants, metrics):
        resampled = _resampled(variants, family, options)
        for metric in family.metrics:
            found += _judged_together(variants, chosen, family, metric, resampled.get(metric), options)
    return found


def _resampled(variants: Sequence[Variant], family: Family, options: Options) -> dict[str, Resampled]:
    """By metric, its scores over resampled people or clients; without those that have no such scores."""
    replicates = options.replicates
    if family.scope == "personalized":
        rng = np.random.default_rng(options.seed)
        clients = {
            metric: resampled_clients(variants, family.sets, metric, replicates=replicates, rng=rng)
            for metric in family.metrics
        }
        return {metric: each for metric, each in clients.items() if each is not None}
    several = len(family.sets) > 1  # people of different sets are drawn independently of each other
    parts = [
        resampled_people(
            variants, dataset, family.metrics, by=options.by, replicates=replicates,
            rng=np.random.default_rng([options.seed, place] if several else options.seed),
        )
        for place, dataset in enumerate(family.sets)
    ]  # fmt: skip
    found = {metric: [part[metric] for part in parts if metric in part] for metric in family.metrics}
    return {metric: mean_over_sets(each, len(family.sets)) for metric, each in found.items() if each}


def _judged_together(
    variants: Sequence[Variant],
    reference: str,
    family: Family,
    metric: str,
    resampled: Resampled | None,
    options: Options,
) -> list[Contrast]:
    """One metric: all comparisons that are corrected together."""
    scores = {variant.name: family.scores(variant, metric) for variant in variants}
    plain = []
    for name, values in scores.items():
        difference = None
        if name != reference:
            difference = _difference(name, reference, values, scores[reference], family.scope, resampled, options)
        about = Contrast(name, reference, metric, family.scope, family.dataset, spread([*values.values()]), difference,
                         NAN, "missing", NAN, level=options.level,
                         sets=family.sets if len(family.sets) > 1 else ())  # fmt: skip
        plain.append(about)
    corrected = holm([each.difference.p if each.difference else NAN for each in plain])
    count = sum(p == p for p in corrected)
    units = resampled.units if resampled else 0
    return [_judged(each, p, count, units, options) for each, p in zip(plain, corrected, strict=True)]


def _difference(
    name: str,
    reference: str,
    values: dict[int, float],
    others: dict[int, float],
    scope: str,
    resampled: Resampled | None,
    options: Options,
) -> PairedDifference | None:
    seeds = sorted({*values} & {*others})
    means = resampled.differences(name, reference, seeds) if resampled and len(seeds) > 1 else None
    if resampled is None or means is None:
        return paired(values, others, level=options.level)
    over = "seeds and people" if scope == "generic" else "seeds and clients"
    shared = shared_variance(means, resampled.units)
    return paired(values, others, shared=shared, units=resampled.units, level=options.level, over=over)


def _judged(found: Contrast, p: float, count: int, units: int, options: Options) -> Contrast:
    alpha, difference = 1 - options.level, found.difference
    verdict: Verdict = "can't tell"
    if found.variant == found.reference:
        verdict = "reference" if found.score.n else "missing"
    elif difference is None:
        verdict = "no pair" if found.score.n else "missing"
    elif difference.n == 1:
        verdict = "one seed"
    elif difference.error == 0:
        verdict = "the same"
    elif p < alpha:
        verdict = "better" if difference.mean > 0 else "worse"
    needed = NAN
    if verdict == "can't tell" and difference is not None:
        needed = seeds_needed(difference, alpha=alpha / max(count, 1), units=units, power=options.power)
    return replace(found, p_corrected=p, verdict=verdict, seeds_needed=needed, comparisons=count)
