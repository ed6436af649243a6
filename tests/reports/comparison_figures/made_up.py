"""Made-up finished runs, in memory, with the numbers that a test chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from fedreid import comparison
from fedreid.comparison import FinishedRun, Variant
from fedreid.comparison.experiments import LOCAL_ONLY_TITLE
from fedreid.reports.comparison_figures import comparison_figures
from fedreid.reports.drawing import STYLE, Drawing
from fedreid.scenario.files import merge, parse_overrides
from fedreid.scenario.schema import Scenario

BASE = {"name": "made-up", "data": {"sources": {"shop": {"format": "synthetic"}}}}
COLUMNS = ["round", "scope", "client", "dataset", "metric", "value"]
Rows = list[tuple[int, str, int, str, str, float]]


def variant(name: str, rows: Callable[[int], Rows], *, seeds: int = 2, settings: Sequence[str] = ()) -> Variant:
    """A variant of which each run has the rows that its seed gives."""
    return Variant(name, tuple(run(rows(seed), seed, settings) for seed in range(seeds)))


def run(rows: Rows, seed: int = 0, settings: Sequence[str] = ()) -> FinishedRun:
    """A finished run that has these rows in metrics.csv."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    table = table.astype(dict.fromkeys(("scope", "dataset", "metric"), "category"))
    scenario = Scenario.model_validate(merge(BASE, parse_overrides([*settings, f"seed={seed}"])))
    empty = pd.DataFrame({name: [] for name in ("reference", *COLUMNS[1:])})
    return FinishedRun(Path("nowhere"), scenario, {"status": "finished"}, table, empty, pd.DataFrame())


def generic(scores: Mapping[int, float], dataset: str = "shop", metric: str = "mAP") -> Rows:
    """The shared model by round."""
    return [(number, "generic", -1, dataset, metric, value) for number, value in scores.items()]


def own(scores: Mapping[int, Sequence[float]], dataset: str = "shop") -> Rows:
    """The clients' own models: by round, each client's mAP."""
    return [
        (number, "personalized", client, dataset, "mAP", value)
        for number, values in scores.items()
        for client, value in enumerate(values)
    ]


def cost(metric: str, by_round: Mapping[int, Sequence[float]], scope: str = "cost") -> Rows:
    """What each client spent, by round."""
    return [
        (number, scope, client, "", metric, value)
        for number, values in by_round.items()
        for client, value in enumerate(values)
    ]


def whole(metric: str, by_round: Mapping[int, float], scope: str = "cost") -> Rows:
    """What the whole federation spent, by round."""
    return [(number, scope, -1, "", metric, value) for number, value in by_round.items()]


def local_only(scores: Sequence[float], generic_scores: Sequence[float] = (), *, seeds: int = 2) -> Variant:
    """The row of clients that each trained alone, as comparisons add it."""
    rows = own({1: scores}) + [
        (1, "generic", client, "shop", "mAP", each) for client, each in enumerate(generic_scores)
    ]
    return variant(LOCAL_ONLY_TITLE, lambda _: rows, seeds=seeds)


def drawn(variants: Sequence[Variant], reference: str | None = None) -> dict[str, Drawing]:
    """All figures, by name."""
    held = comparison.with_reference(variants, reference)
    name = reference or held[0].name
    with mpl.rc_context(STYLE):
        figures = list(comparison_figures(held, comparison.contrasts(held, name), name))
    assert len({each.name for each in figures}) == len(figures), "names are file names and anchors"
    return {each.name: each for each in figures}
