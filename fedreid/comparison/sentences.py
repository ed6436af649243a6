"""Comparisons in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fedreid.comparison.statistics import PairedDifference
from fedreid.comparison.verdicts import Contrast

SUBJECTS = {"generic": "people nobody trained on", "personalized": "the clients' own people"}


def sentences(found: Sequence[Contrast], *, metric: str = "mAP") -> list[str]:
    """One sentence for each comparison in a metric, with the difference, its interval and the number of seeds."""
    chosen = [each for each in found if each.metric == metric and each.verdict != "reference"]
    datasets = {scope: {each.dataset for each in chosen if each.scope == scope} for scope in SUBJECTS}
    return [sentence(each, names_dataset=len(datasets[each.scope]) > 1) for each in chosen]


def sentence(found: Contrast, *, names_dataset: bool = False) -> str:
    """One comparison in words.

    Args:
        names_dataset: there are several, so say which.
    """
    where = f"on {SUBJECTS[found.scope]}" + (f" ({found.dataset})" if names_dataset else "")
    one, other, gap = found.variant, found.reference, found.difference
    if found.verdict == "missing" or gap is None:
        if found.score.n:
            return f"{one} and {other} have no seed in common {where}: {found.metric} can't be compared."
        return f"{one} has no {found.metric} {where}."
    told = f"{points(gap.mean)} {found.metric}"
    if found.verdict in ("better", "worse"):
        return f"{one} is {found.verdict} than {other} {where}: {told} ({_interval(found, gap)})."
    if found.verdict == "the same":
        return f"{one} and {other} score the same {where}, in {seeds(gap.n)}."
    if found.verdict == "one seed":
        return (
            f"Can't tell {one} from {other} {where}: {told} in one seed, and one seed doesn't say how far chance goes."
        )
    if math.isnan(gap.error):
        return f"Can't tell {one} from {other} {where}: {told} in each of {seeds(gap.n)}, so chance can't be judged."
    chance = f"among {found.comparisons} comparisons chance may do that; " if gap.low > 0 or gap.high < 0 else ""
    return f"Can't tell {one} from {other} {where}: {told} ({_interval(found, gap)}); {chance}{_needed(found)}."


def points(value: float) -> str:
    """A difference in points of percent, signed: +3.1, −0.04, ±0."""
    digits = 1 if abs(value) >= 0.05 else 2
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if any(digit in text for digit in "123456789") else "±0.0"


def seeds(number: float) -> str:
    """In words: 1 seed, 3 seeds."""
    return f"{number:g} seed{'' if number == 1 else 's'}"


def _interval(found: Contrast, gap: PairedDifference) -> str:
    digits = 1 if min(abs(gap.low), abs(gap.high)) >= 0.05 else 2
    low, high = (f"{bound:.{digits}f}".replace("-", "−") for bound in (gap.low, gap.high))
    return f"{100 * found.level:g} % interval {low} to {high}, {seeds(gap.n)}"


def _needed(found: Contrast) -> str:
    if math.isinf(found.seeds_needed):
        return "more seeds alone would hardly tell"
    if math.isnan(found.seeds_needed):
        return "how many seeds would tell is unknown"
    return f"it would take about {seeds(found.seeds_needed)}"
