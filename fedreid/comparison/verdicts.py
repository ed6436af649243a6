"""Every variant against the reference, metric by metric: better, worse, or can't tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fedreid.comparison.bootstrap import shared_variance
from fedreid.comparison.power import seeds_needed
from fedreid.comparison.statistics import NAN, PairedDifference, Spread, holm, paired, spread
from fedreid.comparison.units import By, Resampled, resampled_clients, resampled_people
from fedreid.comparison.variants import Variant, reference_of

Verdict = Literal["reference", "better", "worse", "can't tell", "the same", "one seed", "no pair", "missing"]
SCOPES = ("generic", "personalized")
ORDER = ("mAP", "rank1", "rank5", "rank10", "mINP", "accuracy")


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
        metric, scope, dataset: what is scored.
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
    for scope, dataset, names in _families(variants, metrics):
        resampled = _resampled(variants, scope, dataset, names, options)
        for metric in names:
            found += _family(variants, chosen, scope, dataset, metric, resampled.get(metric), options)
    return found


def _families(variants: Sequence[Variant], metrics: Sequence[str] | None) -> Iterator[tuple[str, str, list[str]]]:
    """(scope, dataset, its metrics), in the order of tables."""
    keys = {key: None for variant in variants for run in variant.runs for key in run.scores}
    for scope in SCOPES:
        for dataset in sorted({each for kind, each, _ in keys if kind == scope}):
            names = [metric for kind, each, metric in keys if (kind, each) == (scope, dataset)]
            kept = [name for name in names if metrics is None or name in metrics]
            if kept:
                yield scope, dataset, sorted(kept, key=_place)


def _place(metric: str) -> tuple[int, int, str]:
    """Scores of the model in question before those of others, ranking before verification."""
    plain = metric.rpartition("/")[2]
    return metric.count("/"), ORDER.index(plain) if plain in ORDER else len(ORDER), metric


def _resampled(
    variants: Sequence[Variant], scope: str, dataset: str, metrics: Sequence[str], options: Options
) -> dict[str, Resampled]:
    rng = np.random.default_rng(options.seed)
    if scope == "generic":
        return resampled_people(variants, dataset, metrics, by=options.by, replicates=options.replicates, rng=rng)
    found = {
        metric: resampled_clients(variants, dataset, metric, replicates=options.replicates, rng=rng)
        for metric in metrics
    }
    return {metric: each for metric, each in found.items() if each is not None}


def _family(
    variants: Sequence[Variant],
    reference: str,
    scope: str,
    dataset: str,
    metric: str,
    resampled: Resampled | None,
    options: Options,
) -> list[Contrast]:
    """One metric: all comparisons that are corrected together."""
    scores = {variant.name: variant.scores(scope, dataset, metric) for variant in variants}
    plain = []
    for name, values in scores.items():
        difference = None
        if name != reference:
            difference = _difference(name, reference, values, scores[reference], scope, resampled, options)
        about = Contrast(name, reference, metric, scope, dataset, spread([*values.values()]), difference,
                         NAN, "missing", NAN, level=options.level)  # fmt: skip
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
