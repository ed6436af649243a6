"""Whether a run folder is whole, and what its run wrote: summary.json keeps digests of the files that are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isclose, isnan
from pathlib import Path
from typing import Any

from fedreid import run_folder
from fedreid.comparison.tables import damaged
from fedreid.errors import UserError

SECTIONS = ("final", "data", "timing", "traffic", "costs", "model", "digests", "versions")  # of summary.json
FIGURES = ("timing", "traffic", "costs")  # those of numbers alone


def finished_summary(folder: Path) -> dict[str, Any]:
    """summary.json of a run folder.

    Raises:
        UserError: there is no run, it isn't finished, or the file isn't what a run writes.
    """
    if not folder.exists():
        raise UserError(f"{folder}: no such run folder. A run writes one: fedreid run SCENARIO --out {folder}")
    if not folder.is_dir():
        raise UserError(f"{folder} is a file: give folders of finished runs, or an experiment file NAME.toml.")
    if not (folder / run_folder.SCENARIO).is_file():
        raise UserError(f"{folder} is not a run folder: it has no {run_folder.SCENARIO}. Give the folder of one run.")
    path = folder / run_folder.SUMMARY
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        status = summary["status"]
    except FileNotFoundError:
        raise UserError(f"{folder} is not finished: {path.name} is missing. Go on: fedreid resume {folder}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise damaged(path, f"not the summary of a run ({type(error).__name__}: {error})") from None
    if status != "finished":
        rounds = f"{summary.get('rounds', 0)} of {summary.get('rounds_planned', '?')} rounds are done"
        why = f", {summary['error']}" if summary.get("error") else ""
        raise UserError(f"{folder} is not finished ({status}{why}; {rounds}). Go on: fedreid resume {folder}")
    _refuse_other_kinds(path, summary)
    return summary


def _refuse_other_kinds(path: Path, summary: Mapping[str, Any]) -> None:
    for section in SECTIONS:
        if not isinstance(summary.get(section, {}), dict):
            raise damaged(path, f"{section} = {str(summary[section])[:100]}, expected names and values")
    for section in FIGURES:
        for name, value in summary.get(section, {}).items():
            if not isinstance(value, int | float):
                raise damaged(path, f"{section} {name} = {str(value)[:100]}, expected a number")


def is_verified(folder: Path, summary: Mapping[str, Any]) -> bool:
    """Whether the run's files are what it wrote; False where it kept no digests. Who got which image may be left out.

    Raises:
        UserError: a file is missing, was edited, or is one too many.
    """
    known: dict[str, str] = summary.get("digests", {})
    has_splits = any((folder / run_folder.SPLITS).glob("*.csv"))
    for name, digest in known.items():
        file = folder / name
        if name.startswith(f"{run_folder.SPLITS}/") and not has_splits:
            continue
        if not file.is_file():
            raise UserError(f"{file}: no such file, but the run wrote one. Copy the whole run folder again.")
        if run_folder.digest(file) != digest:
            raise _edited(file)
    if known:
        for file in (folder / run_folder.QUERIES).glob("*.csv"):
            if f"{run_folder.QUERIES}/{file.name}" not in known:
                raise _edited(file)
    return bool(known)


def _edited(file: Path) -> UserError:
    return UserError(
        f"{file}: edited after the run was finished (it isn't what the digest in {run_folder.SUMMARY} says).\n"
        "  Put the file back, or repeat the run: its numbers are not those of the federation any more."
    )


def refuse_other_scores(folder: Path, summary: Mapping[str, Any], scores: Mapping[tuple[str, str, str], float]) -> None:
    """The final scores in summary.json must be those of metrics.csv.

    Raises:
        UserError: one isn't.
    """
    told, found = summary.get("final", {}), {"/".join(key): value for key, value in scores.items()}
    for name in {*told, *found}:
        one, other = told.get(name), found.get(name)
        if not (isinstance(one, int | float) and other is not None and (isnan(one) or isclose(one, other))):
            raise UserError(
                f"{folder / run_folder.SUMMARY}: edited after the run was finished: final {name} = {one}, but "
                f"{run_folder.METRICS} says {other}.\n  Put the file back, or repeat the run."
            )
