"""Whom a score is a mean over, so that they can be resampled: the people of a test set, or the clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from fedreid.comparison.bootstrap import resampled_means
from fedreid.comparison.runs import FinishedRun
from fedreid.comparison.variants import Variant

By = Literal["people", "queries"]
RANKS = {"rank1": 1, "rank5": 5, "rank10": 10}
OF_QUERIES = ("mAP", "mINP", *RANKS)
LASTING = ("camera", "dataset", "lists")  # partitions whose clients are the same ones with every seed


@dataclass(frozen=True, eq=False)
class Resampled:
    """Means over resampled units for many runs at once.

    Attributes:
        means: (replicates, runs), in percent.
        place: column of (variant's name, seed).
        units: how many people, queries or clients there are.
    """

    means: np.ndarray
    place: dict[tuple[str, int], int]
    units: int

    def differences(self, variant: str, reference: str, seeds: Sequence[int]) -> np.ndarray | None:
        """(replicates, seeds) of a variant less its reference; None where a run has no scores to resample."""
        keys = [(name, seed) for name in (variant, reference) for seed in seeds]
        if any(key not in self.place for key in keys):
            return None
        columns = [self.place[key] for key in keys]
        return self.means[:, columns[: len(seeds)]] - self.means[:, columns[len(seeds) :]]


def resampled_people(
    variants: Sequence[Variant],
    dataset: str,
    metrics: Sequence[str],
    *,
    by: By,
    replicates: int,
    rng: np.random.Generator,
) -> dict[str, Resampled]:
    """By metric, a generic test set's scores over resampled people, for all runs that asked the same queries.

    Empty where seeds ask different queries: then the spread over seeds contains the choice of people.
    """
    tables = {
        (variant.name, run.seed): run.queries[dataset]
        for variant in variants
        for run in variant.runs
        if dataset in run.queries
    }
    chosen = [metric for metric in metrics if metric in OF_QUERIES]
    if not tables or not chosen:
        return {}
    first = next(iter(tables.values()))
    if any(not _same_queries(first, table) for table in tables.values()):
        return {}
    asked = first["AP"].notna().to_numpy()
    person = first["identity"].to_numpy() if by == "people" else np.arange(len(first))
    people, index = np.unique(person[asked], return_inverse=True)
    weight = (1 / first[asked].groupby("draw")["AP"].transform("size")).to_numpy() / first["draw"].nunique()
    values = [_scores(table[asked], metric) * weight for metric in chosen for table in tables.values()]
    totals = np.stack([np.bincount(index, value, minlength=len(people)) for value in values], axis=1)
    weights = np.bincount(index, weight, minlength=len(people))
    means = resampled_means(totals, weights, replicates=replicates, rng=rng)
    place = {key: column for column, key in enumerate(tables)}
    split = np.split(means, len(chosen), axis=1)
    return {metric: Resampled(part, place, len(people)) for metric, part in zip(chosen, split, strict=True)}


def mean_over_sets(parts: Sequence[Resampled], sets: int) -> Resampled:
    """Means over test sets whose people were drawn independently of each other, for the runs that have all of them.

    As units count those of the smallest set, so that nothing is told too surely. A set of one person says nothing of
    how people differ: it adds no variance, as one whose people change with the seed, which isn't among the parts.

    Args:
        parts: of the sets whose people are the same with every seed.
        sets: number of all test sets in the mean.
    """
    first, *others = [each for each in parts if each.units > 1] or parts[:1]
    if sets == 1:
        return first
    parts = [first, *others]
    keys = [key for key in first.place if all(key in each.place for each in others)]
    means = [each.means[:, [each.place[key] for key in keys]] for each in parts]
    place = {key: column for column, key in enumerate(keys)}
    return Resampled(np.sum(means, axis=0) / sets, place, min(each.units for each in parts))


def resampled_clients(
    variants: Sequence[Variant],
    datasets: Sequence[str],
    metric: str,
    *,
    replicates: int,
    rng: np.random.Generator,
) -> Resampled | None:
    """A personalized score over resampled clients, for all runs with the same clients.

    None where every seed has clients of its own: then the spread over seeds contains the choice of clients.

    Args:
        datasets: whose clients.
    """
    columns: dict[tuple[str, int], pd.Series] = {}
    for variant in variants:
        for run in variant.runs:
            if not has_lasting_clients(run):
                return None
            values = client_scores(run, datasets, metric)
            if len(values):
                columns[variant.name, run.seed] = values
    if not columns:
        return None
    table = pd.DataFrame(columns)
    if table.isna().to_numpy().any():  # a run lacks a client that another has
        return None
    means = resampled_means(table.to_numpy(), np.ones(len(table)), replicates=replicates, rng=rng)
    return Resampled(means, {key: place for place, key in enumerate(columns)}, len(table))


def client_scores(run: FinishedRun, datasets: Sequence[str], metric: str) -> pd.Series:
    """A personalized score of each client that has it: on its own people in these datasets."""
    return _own_rows(run, datasets, metric).groupby("client")["value"].mean()


def has_clients_of_all(run: FinishedRun, datasets: Sequence[str], metric: str) -> bool:
    """Whether there are such clients in each of these datasets."""
    return set(_own_rows(run, datasets, metric)["dataset"]) == {*datasets}


def _own_rows(run: FinishedRun, datasets: Sequence[str], metric: str) -> pd.DataFrame:
    """Final scores of clients. Where several datasets count, one that never trained has none: its start isn't one."""
    final = run.final
    chosen = (final["scope"] == "personalized") & final["dataset"].isin([*datasets]) & (final["metric"] == metric)
    rows = final[chosen].dropna(subset=["value"])
    if len(datasets) == 1:
        return rows
    return rows[rows["client"].isin(run.trained_clients)] if run.trained_clients else rows


def has_lasting_clients(run: FinishedRun) -> bool:
    """Whether client 3 is the same site with every seed."""
    return run.scenario.partition.by in LASTING


def _same_queries(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    keys = ["draw", "identity", "camera"]
    return (
        len(one) == len(other)
        and bool((one[keys].to_numpy() == other[keys].to_numpy()).all())
        and bool((one["AP"].isna().to_numpy() == other["AP"].isna().to_numpy()).all())
    )


def _scores(table: pd.DataFrame, metric: str) -> np.ndarray:
    """(queries,) in percent."""
    if metric in RANKS:
        return 100.0 * (table["rank"].to_numpy() <= RANKS[metric])
    return 100.0 * table["AP" if metric == "mAP" else "INP"].to_numpy()
