"""Whatever else a reader asks: every score, what differs between variants, and which runs it was."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fedreid.comparison.families import SCOPES
from fedreid.comparison.held_against import Comparison
from fedreid.comparison.variants import Variant
from fedreid.comparison.verdicts import Contrast
from fedreid.reports.comparison_page.kinds import kind_of, label, seeds_told
from fedreid.reports.comparison_page.main_table import by_place, score
from fedreid.reports.numbers import DASH, seconds
from fedreid.reports.protocol_words import BATCHNORM, NO_BATCHNORM
from fedreid.reports.tables import MOST_OPEN, Cell, Table, row

WHOSE = {"generic": "people nobody trained on", "personalized": "own models on own people"}
LONGEST = 60  # letters of a setting's value


def score_tables(variants: Sequence[Variant], contrasts: Sequence[Contrast]) -> list[Table]:
    """Every score of every variant, folded: a table for each scope and dataset."""
    found, tables = by_place(contrasts), []
    for scope in SCOPES:
        for dataset in dict.fromkeys(each.dataset for each in contrasts if each.scope == scope):
            metrics = [
                *dict.fromkeys(each.metric for each in contrasts if (each.scope, each.dataset) == (scope, dataset))
            ]
            rows = [
                row(variant.name, *(score(found.get((variant.name, scope, dataset, metric))) for metric in metrics),
                    is_bound=kind_of(variant) != "federated")
                for variant in variants
            ]  # fmt: skip
            tables.append(
                Table(
                    f"All scores: {dataset}, {WHOSE[scope]}", ("Variant", *map(label, metrics)), tuple(rows),
                    f"In percent, {_spread(variants)}. Differences, intervals and "
                    "p-values of each are in comparison.csv.",
                    is_folded=True, is_sortable=True, better=("", *("high" for _ in metrics)),
                    name=f"scores-{scope}-{dataset}",
                )
            )  # fmt: skip
    return tables


def _spread(variants: Sequence[Variant]) -> str:
    told = seeds_told(variants)
    return f"mean ± standard deviation over {told}" if max(len(each.runs) for each in variants) > 1 else "of one seed"


def settings_table(variants: Sequence[Variant], reference: str) -> Table:
    """In which settings each variant differs from the reference, and what becomes of its BatchNorm."""
    rows, policies = [], {}
    for variant in variants:
        scenario = variant.runs[0].scenario
        if variant.name == reference:
            told = "the reference"
        elif kind_of(variant) == "alone" and not variant.settings:
            told = "each client alone, as long as in the federation"
        else:
            told = "; ".join(f"{key} = {_value(value)}" for key, value in variant.settings.items()) or "nothing"
        policy = scenario.batchnorm if scenario.model.has_batchnorm else "none"
        rows.append(row(variant.name, Cell(told), policy, is_strong=variant.name == reference))
    policies = dict.fromkeys(
        variant.runs[0].scenario.batchnorm if variant.runs[0].scenario.model.has_batchnorm else "none"
        for variant in variants
    )
    words = [f"BatchNorm {name}: {BATCHNORM.get(name, NO_BATCHNORM.lower())}" for name in policies]
    columns = ("Variant", f"Differs from {reference} in", "BatchNorm")
    return Table("Settings", columns, tuple(rows), " ".join(words), text_columns=3, name="settings")


def runs_table(found: Comparison) -> Table:
    """Each run with its seed and state, and where its own report is."""
    rows = []
    for _, values in found.runs.iterrows():
        folder = Path(str(values["folder"]))
        place = os.path.relpath(folder.absolute(), found.out.absolute())
        link = quote(f"{place}/report.html") if (folder / "report.html").is_file() else ""
        length = float(values["seconds"])
        clock = Cell(seconds(None if math.isnan(length) else length), value=length)
        seed = Cell(str(values["seed"]), value=float(values["seed"]))
        rows.append(row(str(values["variant"]), Cell(place, link=link), str(values["state"]), seed, clock))
    note = (
        "Folders are relative to this page; each holds a report of its own."
        if any(r.cells[1].link for r in rows)
        else ""
    )
    columns = ("Variant", "Folder", "State", "Seed", "Seconds")
    is_long = len(rows) > MOST_OPEN
    return Table("Runs", columns, tuple(rows), note, 3, is_folded=is_long, is_sortable=True, name="runs")


def apart_lines(found: Comparison) -> list[str]:
    """Why variants were left out of the comparison."""
    return [f"{reason}" for reason in found.apart]


def failure_lines(found: Comparison) -> list[str]:
    """One line for each run that failed."""
    return [f"{failure.step.title}: {' '.join(failure.reason.split())}" for failure in found.failures]


def _value(value: Any) -> str:
    if value is None:
        return DASH
    if isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(map(str, value)) or "none"
    else:
        text = f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def versions_of(variants: Sequence[Variant]) -> list[tuple[str, str]]:
    """Versions that made the runs; several, where they differ."""
    found: dict[str, dict[str, None]] = {}
    for variant in variants:
        for run in variant.runs:
            told: Mapping[str, Any] = run.summary.get("versions") or {}
            for name, version in told.items():
                found.setdefault(str(name), {})[str(version)] = None
    return [(name, " and ".join(versions)) for name, versions in found.items()]
