"""Tests of face recognition in a report: what was measured on pairs and on templates, which have no ranking."""

from __future__ import annotations

from collections.abc import Sequence

from fedreid.reports.findings import Findings, Generic, Metrics
from fedreid.reports.numbers import count, is_missing, percent, plural
from fedreid.reports.open_set import IDENTIFICATION, KINDS, VERIFICATION, heading, rates_among, resolution
from fedreid.reports.protocol_words import MERGED, PAIRS, SEPARATE, TEMPLATES
from fedreid.reports.tables import DASH, Row, Table, gain, row
from fedreid.scenario.schema import Scenario

FULL = 10  # points of difference that get the full colour


def faces_table(result: Generic, start: str, outcome: str, scenario: Scenario) -> Table:
    """The shared model on one test of faces, between its references; without rows where it is too small for any score.

    Args:
        outcome: see `Names`.
    """
    found: list[tuple[str, Metrics | None, bool]] = [(f"{start.capitalize()} model (round 0)", result.start, False)]
    found.append(("Local only (mean over clients)", result.alone, False))
    if result.last_round > 0:
        found.append((f"{outcome}, final (round {result.last_round})", result.final, True))
        if result.metric in result.rounds:
            found.append((f"{outcome}, best (round {result.best_round}) *", result.best, False))
    shown = [(name, scores, is_strong) for name, scores, is_strong in found if scores is not None]
    present = {name for _, scores, _ in shown for name, value in scores.items() if not is_missing(value)}
    columns = ["accuracy"] * ("accuracy" in present) + [rate for kind in KINDS for rate in rates_among(present, kind)]
    rows = [_row(name, scores, columns, result, is_strong) for name, scores, is_strong in shown if columns]
    heads = ("", *(heading(column) for column in columns), f"{heading(result.metric)} vs start")
    return Table(f"Generic: {result.dataset}", heads, tuple(rows), "\n".join(_notes(result, scenario, columns)))


def _row(name: str, scores: Metrics, columns: Sequence[str], result: Generic, is_strong: bool) -> Row:
    now, before = scores.get(result.metric), (result.start or {}).get(result.metric)
    is_start = name.endswith("(round 0)") or is_missing(now) or is_missing(before)
    last = DASH if is_start else gain(now - before, FULL)  # type: ignore[operator]
    return row(name, *(percent(scores.get(column)) for column in columns), last, is_strong=is_strong)


def _notes(result: Generic, scenario: Scenario, columns: Sequence[str]) -> list[str]:
    """How many pairs and probes the figures come from, and which rates these are too few for."""
    scores = {name: value for name, value in result.final.items() if not is_missing(value)}
    lines = ["In percent."]
    if "accuracy" in columns:
        lines = ["In percent. Accuracy: mean over the folds of the list."]
    if "genuine_pairs" in scores:
        lines.append(_pairs(scores, scenario, columns))
    if "mated_probes" in scores:
        lines.append(_probes(scores, scenario, columns))
    if result.last_round > 0 and columns:
        lines.append("* Chosen on the test images, for orientation only: the model that is kept is the last one.")
    return lines


def _pairs(scores: Metrics, scenario: Scenario, columns: Sequence[str]) -> str:
    genuine, impostors = scores["genuine_pairs"], scores["impostor_pairs"]
    if not genuine or not impostors:
        return f"No TAR@FAR: {count(genuine)} genuine pairs and {count(impostors)} impostor pairs."
    others = resolution(VERIFICATION, [impostors], scenario.evaluation.far, columns)
    return f"{plural(round(genuine), 'genuine pair')} and {others}"


def _probes(scores: Metrics, scenario: Scenario, columns: Sequence[str]) -> str:
    mated, strangers = scores["mated_probes"], scores["non_mated_probes"]
    if not rates_among(columns, IDENTIFICATION):
        return f"No TPIR@FPIR: {count(mated)} mated probes and {count(strangers)} non-mated probes."
    found = plural(round(mated), "mated probe")
    if scenario.faithful.merged_galleries:
        return f"{found}, all in one gallery."
    halved = resolution(IDENTIFICATION, [max(1, strangers // 2)], scenario.evaluation.fpir, columns)
    return f"{found} and, with one of two galleries at a time, about {halved}"


def protocol(findings: Findings, scenario: Scenario) -> list[tuple[str, str]]:
    """(term, explanation) of the tests on faces that the run has."""
    faces = [result for result in findings.generic if not result.is_ranked]
    templates = [result.dataset for result in faces if "mated_probes" in result.rounds]
    pairs = [result.dataset for result in faces if result.dataset not in templates]
    notes = [("Pairs of faces", PAIRS.format(names=", ".join(pairs)))] if pairs else []
    if templates:
        galleries = MERGED if scenario.faithful.merged_galleries else SEPARATE
        notes.append(("Templates of faces", TEMPLATES.format(names=", ".join(templates)) + galleries))
    return notes
