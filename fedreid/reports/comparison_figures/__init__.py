"""The figures of a comparison: all variants in each, a variant looking the same in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from fedreid.comparison import Contrast, Variant
from fedreid.reports.comparison_figures import (
    by_cost,
    clients,
    costs,
    curves,
    differences,
    drift,
    plane,
    public,
    spread,
)
from fedreid.reports.comparison_figures.measured import measure
from fedreid.reports.drawing import Drawing, settle

__all__ = ["comparison_figures"]


def comparison_figures(variants: Sequence[Variant], contrasts: Sequence[Contrast], reference: str) -> Iterator[Drawing]:
    """Every figure that the runs have the numbers for. Call inside `mpl.rc_context(STYLE)`.

    Args:
        variants: those that can be held against the reference, itself among them.
        contrasts: of these variants, `fedreid.comparison.contrasts`.
        reference: name of a variant.
    """
    field = measure(variants, reference)
    for drawing in chain(
        curves.figures(field),
        by_cost.figures(field),
        differences.figures(field, contrasts, reference),
        clients.figures(field),
        spread.figures(field),
        plane.figures(field),
        costs.figures(field),
        drift.figures(field),
        public.figures(field),
    ):
        settle(drawing.figure)
        yield drawing
