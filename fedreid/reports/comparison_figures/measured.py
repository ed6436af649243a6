"""The numbers of a comparison's figures: for each variant, frames of rounds × seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from fedreid.comparison import FinishedRun, Variant
from fedreid.comparison.families import generic_sets, is_alone, shared_sets
from fedreid.comparison.units import has_lasting_clients
from fedreid.reports.comparison_figures.styles import Bound, Look, looks
from fedreid.reports.comparison_figures.sums import by_round, sums_of

Scope = Literal["generic", "personalized"]
COSTS = ("bytes_down", "bytes_up", "macs", "joules")
DRIFT = {"update_norm": False, "agreement": True}  # whether it is the whole round's
KEPT = "hard_negative_share"
NEEDED = ("mAP", *COSTS, "simulated_seconds", *DRIFT, KEPT)
NOTHING = pd.DataFrame()


@dataclass(frozen=True, eq=False)
class Subject:
    """One variant, its look, and what figures say of it. Frames: rounds × seeds, in percent.

    Attributes:
        variant, look: see there.
        generic: by test set, its score by round; round 0 is the start.
        personalized: mean over clients, after each round in which they were evaluated.
        finals: by scope, the final score of each seed; generic ones are means over the test sets of `Field.sets`.
        clients: (clients × seeds) final personalized mAP; rows are ranks, from the lowest, where clients don't last.
        spent: "bytes" and "simulated_seconds", all until the end of a round.
        totals: bytes_down, bytes_up, macs, joules and simulated_seconds of each seed's whole run, where known.
        drift: "update_norm" (mean over clients) and "agreement" by round.
        kept: share of the public images that clients train on, mean over clients.
    """

    variant: Variant
    look: Look
    generic: Mapping[str, pd.DataFrame]
    personalized: pd.DataFrame
    finals: Mapping[Scope, pd.Series]
    clients: pd.DataFrame
    spent: Mapping[str, pd.DataFrame]
    totals: Mapping[str, pd.Series]
    drift: Mapping[str, pd.DataFrame]
    kept: pd.DataFrame

    @property
    def name(self) -> str:
        """As figures write it."""
        return self.look.name


@dataclass(frozen=True, eq=False)
class Field:
    """All variants of a comparison.

    Attributes:
        subjects: in the given order.
        sets: by test set, the metric that stands for it: those of one metric, mAP where there is any, that all have.
        others: the other test sets (pairs of faces beside rankings, and what some runs lack).
        is_lasting: a client's number means the same site with every seed.
    """

    subjects: tuple[Subject, ...]
    sets: Mapping[str, str]
    others: Mapping[str, str]
    is_lasting: bool

    @property
    def metric(self) -> str:
        """Of `sets`."""
        return next(iter(self.sets.values()), "mAP")


def measure(variants: Sequence[Variant], reference: str) -> Field:
    """Everything that figures need of the runs."""
    metrics = generic_sets(variants)
    sets = shared_sets(variants)
    others = {name: metric for name, metric in metrics.items() if name not in sets}
    lasting = all(has_lasting_clients(run) for variant in variants for run in variant.runs)
    finals = {variant.name: _finals(variant, sets) for variant in variants}
    bounds = {variant.name: found for variant in variants if (found := bound_of(variant))}
    rankings = [_ranking({name: each[scope] for name, each in finals.items()}) for scope in ("generic", "personalized")]
    drawn = looks([variant.name for variant in variants], reference, bounds, rankings)
    subjects = [_subject(each, drawn[each.name], finals[each.name], metrics, lasting) for each in variants]
    return Field(tuple(subjects), sets, others, lasting)


def bound_of(variant: Variant) -> Bound:
    """Whether a variant is no federation: clients that each train alone, or one model on everybody's images."""
    if is_alone(variant):
        return "local"
    return "centralised" if variant.runs[0].scenario.method.name == "centralised" else ""


def _ranking(finals: Mapping[str, pd.Series]) -> list[str]:
    means = {name: float(values.mean()) for name, values in finals.items() if len(values)}
    return sorted(means, key=lambda name: -means[name])


def _finals(variant: Variant, sets: Mapping[str, str]) -> dict[Scope, pd.Series]:
    generic = pd.DataFrame({name: pd.Series(variant.scores("generic", name, metric)) for name, metric in sets.items()})
    own = {run.seed: float(_own(run).mean()) for run in variant.runs}
    if variant.runs[0].scenario.method.name == "local_only":  # its shared model stays the start
        generic = generic.iloc[:0]
    return {
        "generic": generic.dropna().mean(axis=1) if len(sets) else pd.Series(dtype=float),
        "personalized": pd.Series(own, dtype=float).dropna(),
    }


def _own(run: FinishedRun) -> pd.Series:
    """Final personalized mAP by client."""
    final = run.final
    rows = final[(final["scope"] == "personalized") & (final["metric"] == "mAP")]
    return rows.groupby("client")["value"].mean().dropna()


def _subject(
    variant: Variant, look: Look, finals: Mapping[Scope, pd.Series], metrics: Mapping[str, str], lasting: bool
) -> Subject:
    tables = {run.seed: sums_of(run, {*metrics.values(), *NEEDED}) for run in variant.runs}
    is_alone = look.bound == "local"

    def frame(
        scope: str, metric: str, dataset: str | None = None, *, is_whole: bool | None = None, total: bool = False
    ) -> pd.DataFrame:
        found = {seed: by_round(table, scope, metric, dataset, is_whole, total) for seed, table in tables.items()}
        return pd.DataFrame({seed: values for seed, values in found.items() if len(values)}).sort_index()

    generic = {} if is_alone else {name: frame("generic", metric, name) for name, metric in metrics.items()}
    own = frame("personalized", "mAP")
    costs = {name: frame("cost", name, is_whole=False, total=True) for name in COSTS}
    clock = frame("cost", "simulated_seconds", is_whole=True, total=True)
    traffic = costs["bytes_down"].add(costs["bytes_up"], fill_value=0)
    totals = {
        name: values.sum(min_count=1) for name, values in (costs | {"simulated_seconds": clock}).items() if len(values)
    }
    clients = {run.seed: _own(run) for run in variant.runs}
    return Subject(
        variant=variant,
        look=look,
        generic={name: values for name, values in generic.items() if len(values)},
        personalized=own[own.index > 0] if len(own) else own,
        finals=finals,
        clients=_clients(clients, lasting),
        spent={
            name: values.cumsum() for name, values in (("bytes", traffic), ("simulated_seconds", clock)) if len(values)
        },
        totals=totals,
        drift={name: values for name, whole in DRIFT.items() if len(values := frame("train", name, is_whole=whole))},
        kept=frame("train", KEPT, is_whole=False) if _chooses(variant) else NOTHING,
    )


def _chooses(variant: Variant) -> bool:
    return any(run.scenario.method.has("hard_negatives") for run in variant.runs)


def _clients(seeds: Mapping[int, pd.Series], lasting: bool) -> pd.DataFrame:
    known = {seed: values for seed, values in seeds.items() if len(values)}
    if not lasting:
        known = {seed: values.sort_values().reset_index(drop=True) for seed, values in known.items()}
    return pd.DataFrame(known)
