"""How much of the public set clients keep as hard negatives."""

from __future__ import annotations

from collections.abc import Iterator

from fedreid.reports.comparison_figures.by_round import by_round_figure
from fedreid.reports.comparison_figures.measured import Field
from fedreid.reports.drawing import Drawing

ABOUT = "Share of the public images that a client trains on beside its own, mean over clients."


def figures(field: Field) -> Iterator[Drawing]:
    """One figure, of those variants that choose."""
    curves = [(subject, subject.kept) for subject in field.subjects if len(subject.kept)]
    label = "public images kept (%)"
    yield from by_round_figure("hard-negatives", "public", "Hard negatives by round", label, ABOUT, curves)
