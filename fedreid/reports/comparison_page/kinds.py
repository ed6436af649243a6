"""What a variant is: a federation, or one of the bounds between which federations lie."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Literal

from fedreid.comparison.families import is_alone
from fedreid.comparison.runs import FinishedRun
from fedreid.comparison.sentences import seeds
from fedreid.comparison.variants import Variant

Kind = Literal["federated", "alone", "central"]
HEADLINES = ("mAP", "rank1", "accuracy", "TAR@FAR=1e-4", "TAR@FAR=1e-3")  # scores that stand for the others
MOST_SEEDS = 100  # to tell a difference; beyond that the exact number is of no use
LABELS = {"rank1": "rank-1", "rank5": "rank-5", "rank10": "rank-10"}


def kind_of(variant: Variant) -> Kind:
    """Whether its clients learn from each other, each alone, or their images were brought together."""
    if is_alone(variant):
        return "alone"
    return "central" if variant.runs[0].scenario.method.name == "centralised" else "federated"


def label(metric: str) -> str:
    """A metric as readers call it."""
    return LABELS.get(metric, metric)


def seeds_told(variants: Sequence[Variant]) -> str:
    """ "3 seeds", or "2 to 3 seeds" where variants have different numbers."""
    numbers = {len(variant.runs) for variant in variants}
    low, high = min(numbers), max(numbers)
    return seeds(low) if low == high else f"{low} to {seeds(high)}"


def has_intervals(variants: Sequence[Variant]) -> bool:
    """Whether any variant has more than one seed, so that chance can be judged."""
    return max(len(variant.runs) for variant in variants) > 1


def own_people(run: FinishedRun, model: str) -> float | None:
    """Mean over clients of a model's mAP on their own people, in percent; None where it wasn't measured.

    Args:
        model: "own", or a reference of references.csv: "global_model", "local_only".
    """
    rows = run.final if model == "own" else run.references[run.references["reference"] == model]
    values = rows.loc[(rows["scope"] == "personalized") & (rows["metric"] == "mAP"), "value"].dropna()
    return float(values.mean()) if len(values) else None


def by_seed(variant: Variant, model: str) -> dict[int, float]:
    """The same for every seed that has it."""
    found = {run.seed: own_people(run, model) for run in variant.runs}
    return {seed: value for seed, value in found.items() if value is not None}


def mean_of(values: dict[int, float]) -> float | None:
    """Mean over seeds; None without any."""
    return fmean(values.values()) if values else None
