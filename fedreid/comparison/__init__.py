"""Finished runs held against each other: variants, means over seeds, paired differences, and what can be told."""

from fedreid.comparison.comparability import Difference, apart, incomparable, refuse_incomparable
from fedreid.comparison.fairness import Fairness, fairness, fairness_table
from fedreid.comparison.runs import FinishedRun, load_run
from fedreid.comparison.sentences import sentences
from fedreid.comparison.settings import influential
from fedreid.comparison.table import COLUMNS, comparison_table, to_frame
from fedreid.comparison.variants import Variant, group_runs, local_only, with_reference
from fedreid.comparison.verdicts import Contrast, Options, contrasts

__all__ = [
    "COLUMNS",
    "Contrast",
    "Difference",
    "Fairness",
    "FinishedRun",
    "Options",
    "Variant",
    "apart",
    "comparison_table",
    "contrasts",
    "fairness",
    "fairness_table",
    "group_runs",
    "incomparable",
    "influential",
    "load_run",
    "local_only",
    "refuse_incomparable",
    "sentences",
    "to_frame",
    "with_reference",
]
