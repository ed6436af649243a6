"""What is judged together: all variants in a metric, on one test set, or on the mean over several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from fedreid.comparison.experiments import LOCAL_ONLY_TITLE
from fedreid.comparison.units import client_scores, has_clients_of_all
from fedreid.comparison.variants import Variant
from fedreid.headline import headline

SCOPES = ("generic", "personalized")
MEANS = {"generic": "all test sets", "personalized": "all clients"}  # how a mean over several is called
ORDER = ("mAP", "rank1", "rank5", "rank10", "mINP", "accuracy")


@dataclass(frozen=True)
class Family:
    """Scores of one kind of people.

    Attributes:
        scope: "generic" or "personalized".
        dataset: the test set; or one of MEANS: over several sets, if generic; over the clients of several datasets, if
            personalized.
        sets: of which it is the mean.
        metrics: its scores, in the order of tables.
    """

    scope: str
    dataset: str
    sets: tuple[str, ...]
    metrics: tuple[str, ...]

    def scores(self, variant: Variant, metric: str) -> dict[int, float]:
        """A final score of each seed that has it on all the sets."""
        if self.scope == "personalized" and len(self.sets) > 1:
            clients = {run.seed: client_scores(run, self.sets, metric) for run in variant.runs}
            whole = {run.seed for run in variant.runs if has_clients_of_all(run, self.sets, metric)}
            return {seed: float(values.mean()) for seed, values in clients.items() if seed in whole}
        found = [variant.scores(self.scope, name, metric) for name in self.sets]
        seeds = sorted(set.intersection(*map(set, found)))
        return {seed: fmean(each[seed] for each in found) for seed in seeds}

    def is_scored(self, variants: Sequence[Variant]) -> bool:
        """Whether any variant has a score."""
        return any(self.scores(variant, metric) for variant in variants for metric in self.metrics)


def families(variants: Sequence[Variant], metrics: Sequence[str] | None = None) -> Iterator[Family]:
    """In the order of tables: generic ones first, and the mean over all sets before the single ones.

    Args:
        metrics: only these; None: all that any run has.
    """
    keys = {key: None for variant in variants for run in variant.runs for key in run.scores}
    for scope in SCOPES:
        names: dict[str, list[str]] = {each: [] for each in sorted({each for kind, each, _ in keys if kind == scope})}
        for kind, dataset, metric in keys:
            if kind == scope and (metrics is None or metric in metrics):
                names[dataset].append(metric)
        known = {dataset: sorted(found, key=_place) for dataset, found in names.items() if found}
        shared = tuple(name for name in (shared_sets(variants) if scope == "generic" else known) if name in known)
        common = (
            [metric for metric in known[shared[0]] if all(metric in known[each] for each in shared)] if shared else []
        )
        mean = Family(scope, MEANS[scope], shared, tuple(common))
        if len(shared) > 1 and mean.dataset not in known and mean.is_scored(variants):
            yield mean
        for dataset, found in known.items():
            yield Family(scope, dataset, (dataset,), tuple(found))


def generic_sets(variants: Sequence[Variant]) -> dict[str, str]:
    """By generic test set, in the order of names, the metric that stands for it."""
    found: dict[str, list[str]] = {}
    for variant in variants:
        for run in variant.runs:
            for scope, dataset, metric in run.scores:
                if scope == "generic":
                    found.setdefault(dataset, []).append(metric)
    named = {dataset: headline(metric for metric in found[dataset] if "/" not in metric) for dataset in sorted(found)}
    return {dataset: metric for dataset, metric in named.items() if metric is not None}


def shared_sets(variants: Sequence[Variant]) -> dict[str, str]:
    """Those of `generic_sets` that one metric stands for, mAP where there is any, and that all runs have.

    Where no set is in all runs, those of that metric.
    """
    metrics = generic_sets(variants)
    chosen = "mAP" if "mAP" in metrics.values() else next(iter(metrics.values()), "mAP")
    alike = {name: metric for name, metric in metrics.items() if metric == chosen}
    return {name: metric for name, metric in alike.items() if _all_have(variants, name, metric)} or alike


def is_alone(variant: Variant) -> bool:
    """Whether each of its clients trains alone."""
    return variant.name == LOCAL_ONLY_TITLE or variant.runs[0].scenario.method.name == "local_only"


def _all_have(variants: Sequence[Variant], dataset: str, metric: str) -> bool:
    """Whether a test set was scored in all runs that have any generic score of their own."""
    runs = [run for variant in variants if not is_alone(variant) for run in variant.runs]
    scored = [run.scores for run in runs if any(key[0] == "generic" for key in run.scores)]
    return all(("generic", dataset, metric) in scores for scores in scored)


def _place(metric: str) -> tuple[int, int, str]:
    """Scores of the model in question before those of others, ranking before verification."""
    plain = metric.rpartition("/")[2]
    return metric.count("/"), ORDER.index(plain) if plain in ORDER else len(ORDER), metric
