"""Variants held against a reference: the result of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fedreid.comparison.comparability import Difference, incomparable
from fedreid.comparison.comparison_folder import write_table
from fedreid.comparison.failures import Failure
from fedreid.comparison.fairness import fairness_table
from fedreid.comparison.sentences import sentences
from fedreid.comparison.table import to_frame
from fedreid.comparison.variants import Variant, with_reference
from fedreid.comparison.verdicts import Contrast, contrasts
from fedreid.errors import UserError


@dataclass(frozen=True)
class Comparison:
    """Variants held against each other.

    Attributes:
        out: its folder.
        name: of the experiment.
        reference: name of the variant that others are held against.
        variants: those that can be compared with it, itself first or where the file has it.
        contrasts: every variant against the reference, metric by metric.
        table: the same as a frame, as in comparison.csv.
        fairness: a frame of how unequally clients fare.
        runs: a frame with a row for each run: variant, seed, key, state, seconds, reason (of a failure), folder.
        failures: the runs that failed.
        apart: why other variants can't be held against the reference.
        notes: what a reader should know, such as folders that no variant uses any more.
        description: the question that is asked.
        command: does the same again.
    """

    out: Path
    name: str
    reference: str
    variants: tuple[Variant, ...]
    contrasts: tuple[Contrast, ...]
    table: pd.DataFrame
    fairness: pd.DataFrame
    runs: pd.DataFrame
    failures: tuple[Failure, ...] = ()
    apart: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    description: str = ""
    command: str = ""

    @property
    def report(self) -> Path:
        """Its page."""
        return self.out / "report.html"

    def sentences(self, metric: str = "mAP") -> list[str]:
        """Every comparison in a metric, in plain words."""
        return sentences(self.contrasts, metric=metric)


def held_against(
    variants: Sequence[Variant],
    reference: str,
    folder: Path,
    name: str,
    *,
    runs: pd.DataFrame,
    failures: Sequence[Failure] = (),
    notes: Sequence[str] = (),
    description: str = "",
    command: str = "",
) -> Comparison:
    """Compare, and write comparison.csv. Variants of other test data are left out, with the reason.

    Raises:
        UserError: nothing can be compared with the reference, or the folder can't be written.
    """
    variants = with_reference(variants, reference)
    reasons = incomparable(variants, reference)
    group = [variant for variant in variants if variant.name not in {reason.variant for reason in reasons}]
    if reasons and len(group) == 1:
        raise UserError("\n".join(["these runs can't be compared:", *(f"  {reason}" for reason in reasons)]))
    found = contrasts(group, reference)
    table = to_frame(found)
    write_table(folder, table)
    notes = [*notes, *(note for variant in group for note in variant.notes)]
    return Comparison(
        out=folder,
        name=name,
        reference=reference,
        variants=tuple(group),
        contrasts=tuple(found),
        table=table,
        fairness=fairness_table(group),
        runs=runs,
        failures=tuple(failures),
        apart=tuple(reasons),
        notes=tuple(dict.fromkeys(notes)),
        description=description,
        command=command,
    )
