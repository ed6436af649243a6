"""Not only means: how unequal clients fare, and who fares worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd

from fedreid.comparison.families import MEANS
from fedreid.comparison.statistics import NAN
from fedreid.comparison.units import client_scores, has_lasting_clients
from fedreid.comparison.variants import Variant


@dataclass(frozen=True)
class Fairness:
    """One personalized metric over the clients of a variant.

    Attributes:
        variant, dataset, metric: what is scored; `dataset` may be that of MEANS for the clients of several.
        n: number of seeds; clients: number of clients.
        spread: standard deviation over clients, the mean over seeds; nan with one client.
        worst_client: the client with the lowest mean over seeds, -1 where there is none; worst: that mean.
        best_client, best: the same for the highest.
        lowest: mean over seeds of each seed's lowest client.
        is_lasting: a client's number means the same site with every seed. Where it doesn't (clients are drawn from
            all people with each seed), `lowest` tells more than `worst`.
    """

    variant: str
    dataset: str
    metric: str
    n: int
    clients: int
    spread: float
    worst_client: int
    worst: float
    best_client: int
    best: float
    lowest: float
    is_lasting: bool


def fairness(variants: Sequence[Variant], metric: str = "mAP") -> list[Fairness]:
    """How unequally the clients of each variant fare, by variant and dataset; none where no client has that score.

    Where there are several datasets, the clients of all of them come first.
    """
    found = []
    for variant in variants:
        rows = pd.concat([run.final for run in variant.runs])
        chosen = rows.loc[(rows["scope"] == "personalized") & (rows["metric"] == metric), "dataset"]
        datasets, everybody = sorted(chosen.unique()), MEANS["personalized"]
        if len(datasets) > 1 and everybody not in datasets:
            found.append(_of(variant, everybody, datasets, metric))
        found += [_of(variant, dataset, (dataset,), metric) for dataset in datasets]
    return found


def fairness_table(variants: Sequence[Variant], metric: str = "mAP") -> pd.DataFrame:
    """The same as a frame."""
    columns = [each.name for each in fields(Fairness)]
    return pd.DataFrame([astuple(each) for each in fairness(variants, metric)], columns=columns)


def _of(variant: Variant, name: str, datasets: Sequence[str], metric: str) -> Fairness:
    seeds = [client_scores(run, datasets, metric) for run in variant.runs]
    seeds = [scores for scores in seeds if len(scores)]
    means = pd.concat(seeds, axis=1).mean(axis=1) if seeds else pd.Series(dtype=float)
    known = len(means) > 0
    return Fairness(
        variant=variant.name,
        dataset=name,
        metric=metric,
        n=len(seeds),
        clients=len(means),
        spread=float(np.mean([scores.std(ddof=1) for scores in seeds])) if len(means) > 1 else NAN,
        worst_client=int(means.index[int(means.argmin())]) if known else -1,
        worst=float(means.min()) if known else NAN,
        best_client=int(means.index[int(means.argmax())]) if known else -1,
        best=float(means.max()) if known else NAN,
        lowest=float(np.mean([scores.min() for scores in seeds])) if known else NAN,
        is_lasting=all(has_lasting_clients(run) for run in variant.runs),
    )
