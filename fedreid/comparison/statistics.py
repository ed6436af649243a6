"""Means over seeds, paired differences, Student's t and Holm's correction, each in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

NAN = float("nan")


@dataclass(frozen=True)
class Spread:
    """A score over seeds.

    Attributes:
        mean, sd: mean and standard deviation (n - 1); the latter is nan with one seed.
        n: number of seeds.
    """

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class PairedDifference:
    """How much higher a variant scores than the reference, in points of percent.

    Attributes:
        mean, sd: of the differences, one for each seed that both have; sd is nan with one seed.
        n: number of those seeds.
        shared: variance of the mean that all seeds share, because they were asked about the same people.
        error: standard error of the mean; nan where it can't be told.
        freedom: its degrees of freedom.
        low, high: interval; nan where it is withheld.
        p: two-sided; nan where it can't be told.
        over: what was drawn at random: "seeds", "seeds and people", "seeds and clients".
    """

    mean: float
    sd: float
    n: int
    shared: float = 0.0
    error: float = NAN
    freedom: float = NAN
    low: float = NAN
    high: float = NAN
    p: float = NAN
    over: str = "seeds"


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation over seeds."""
    array = np.asarray(values, dtype=float)
    if not array.size:
        return Spread(NAN, NAN, 0)
    return Spread(float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else NAN, array.size)


def paired(
    values: Mapping[int, float],
    reference: Mapping[int, float],
    *,
    shared: float = 0.0,
    units: int = 0,
    level: float = 0.95,
    over: str = "seeds",
) -> PairedDifference | None:
    """Difference to a reference over the seeds that both have; None where they have none.

    The variance of the mean difference has two parts. What changes from seed to seed gives sd^2 / n. Who is asked
    gives the same error to all seeds if all ask the same people: `shared`, which no number of seeds makes smaller.
    That is the random-reader, random-case model of diagnostic studies with seeds for readers and people for cases:
    Obuchowski and Rockette, Communications in Statistics 24 (1995); degrees of freedom by Satterthwaite, Biometrics
    Bulletin 2 (1946), as Hillis, Statistics in Medicine 26 (2007). With `shared` = 0 it is the paired t-test.

    With one seed, or where all seeds differ by exactly the same, nothing tells how far chance goes, and interval and p
    are nan; only two that are the same everywhere get (0, 0) and 1.

    Args:
        values, reference: by seed.
        shared: variance, from `fedreid.comparison.bootstrap.shared_variance`.
        units: number of people (or clients) that it was estimated from.
        level: of the interval.
    """
    seeds = sorted({*values} & {*reference})
    if not seeds:
        return None
    found = spread([values[seed] - reference[seed] for seed in seeds])
    plain = PairedDifference(found.mean, found.sd, found.n, shared, over=over)
    if found.n < 2:
        return plain
    if found.sd <= 1e-12 * max(1.0, abs(found.mean)):  # rounding apart, the same in all seeds
        is_same = abs(found.mean) <= 1e-12 and not shared
        same = {"error": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
        return PairedDifference(0.0, 0.0, found.n, over=over, **same) if is_same else plain
    error, freedom = (float(each) for each in standard_error(found.sd, found.n, shared, units))
    half = float(stdtrit(freedom, 0.5 + level / 2)) * error
    return PairedDifference(
        mean=found.mean, sd=found.sd, n=found.n, shared=shared, error=error, freedom=freedom, over=over,
        low=found.mean - half, high=found.mean + half, p=two_sided(found.mean / error, freedom),
    )  # fmt: skip


def standard_error(
    sd: float, n: int | np.ndarray, shared: float = 0.0, units: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Standard error of a mean over n seeds and its degrees of freedom, see `paired`; for each of many n."""
    own = sd**2 / n
    variance = own + shared
    doubt = own**2 / (n - 1) + (shared**2 / (units - 1) if units > 1 else 0.0)
    return np.sqrt(variance), np.asarray(variance**2 / doubt)


def two_sided(t: float, freedom: float) -> float:
    """Probability that Student's t is at least as far from 0."""
    return float(2 * stdtr(freedom, -abs(t)))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number: none is called small by chance, with the same probability as for one.

    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979). The
    smallest is multiplied by their number m, the next by m - 1, ..., and none gets below the one before it. nan stays
    nan and isn't counted.
    """
    found = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(found))
    order = known[np.argsort(found[known], kind="stable")]
    corrected = np.full(found.shape, NAN)
    steps = found[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return corrected.tolist()
