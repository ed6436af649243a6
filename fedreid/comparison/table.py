"""All comparisons as one frame in long form."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fedreid.comparison.statistics import NAN
from fedreid.comparison.variants import Variant
from fedreid.comparison.verdicts import DEFAULTS, Contrast, Options, contrasts

COLUMNS = (
    "variant", "metric", "scope", "dataset", "n", "mean", "sd", "pairs", "difference", "low", "high", "p",
    "p_corrected", "verdict", "seeds_needed", "over",
)  # fmt: skip


def comparison_table(
    variants: Sequence[Variant],
    reference: str | None = None,
    *,
    metrics: Sequence[str] | None = None,
    options: Options = DEFAULTS,
) -> pd.DataFrame:
    """One row for each variant and metric, columns COLUMNS; the reference's own differences are nan.

    n: seeds of the variant; mean, sd: its score over them, in percent. pairs: seeds that the reference has as well;
    difference, low, high, p: over those; over: what was drawn at random.

    Args: see `contrasts`.
    """
    return to_frame(contrasts(variants, reference, metrics=metrics, options=options))


def to_frame(found: Sequence[Contrast]) -> pd.DataFrame:
    """Comparisons as rows, columns COLUMNS."""
    return pd.DataFrame([_row(each) for each in found], columns=[*COLUMNS])


def _row(found: Contrast) -> tuple[object, ...]:
    gap = found.difference
    told = (gap.n, gap.mean, gap.low, gap.high, gap.p) if gap else (0, NAN, NAN, NAN, NAN)
    return (
        found.variant, found.metric, found.scope, found.dataset, found.score.n, found.score.mean, found.score.sd, *told,
        found.p_corrected, found.verdict, found.seeds_needed, gap.over if gap else "",
    )  # fmt: skip
