"""A finished run, read and checked: its settings, final scores, tables, and how well each query was answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from math import isclose, isnan
from pathlib import Path
from typing import Any

import pandas as pd

from fedreid import run_folder
from fedreid.comparison.tables import TIMING, damaged, read_table, without_counts
from fedreid.data.query_scores import read_query_scores
from fedreid.errors import UserError
from fedreid.scenario.load import load_scenario
from fedreid.scenario.schema import Scenario

UNVERIFIED = "made by an earlier version, which kept no digests: whether its files were edited can't be told"
WITHOUT_QUERIES = "made by an earlier version, which kept no scores of single queries"


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What a run left behind.

    Attributes:
        path: the folder.
        scenario: the resolved scenario.
        summary: summary.json.
        metrics, references, timing: the tables in long form; client -1 where a row is about the whole federation.
        queries: by generic test set, the scores of each query (`fedreid.data.query_scores`).
        splits: digest of each file in splits/, which say who got which image.
        notes: what a reader of its numbers should know, in words that follow the run's name.
        final: final scores in percent, columns scope, dataset, metric, client (-1: none), value. A client's is that of
            its own last evaluation, since a round may leave clients out.
    """

    path: Path
    scenario: Scenario
    summary: dict[str, Any]
    metrics: pd.DataFrame
    references: pd.DataFrame
    timing: pd.DataFrame
    queries: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    splits: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """The scenario's seed."""
        return self.scenario.seed

    @cached_property
    def final(self) -> pd.DataFrame:
        """See the class."""
        return final_scores(self.metrics)

    @cached_property
    def scores(self) -> dict[tuple[str, str, str], float]:
        """Final scores by (scope, dataset, metric); personalized ones are means over clients."""
        return self.final.groupby(["scope", "dataset", "metric"], observed=True)["value"].mean().to_dict()  # type: ignore[return-value]


def load_run(path: str | Path) -> FinishedRun:
    """Read a finished run.

    Raises:
        UserError: there is no run, it isn't finished, another version wrote it, or a file is damaged or was edited by
            hand; the message names the folder or file and says what to do.
    """
    folder = Path(path)
    summary = _finished(folder)
    notes = [] if _verified(folder, summary) else [UNVERIFIED]
    queries = {file.stem: read_query_scores(file) for file in sorted((folder / run_folder.QUERIES).glob("*.csv"))}
    found = FinishedRun(
        path=folder,
        scenario=_scenario(folder, summary),
        summary=summary,
        metrics=read_table(folder, run_folder.METRICS),
        references=_references(folder),
        timing=read_table(folder, TIMING),
        queries=queries,
        splits={file.name: run_folder.digest(file) for file in sorted((folder / "splits").glob("*.csv"))},
        notes=tuple(notes),
    )
    if UNVERIFIED not in notes:
        _refuse_other_scores(found)
    if any((scope, metric) == ("generic", "mAP") and dataset not in queries for scope, dataset, metric in found.scores):
        return replace(found, notes=(*notes, WITHOUT_QUERIES))
    return found


def final_scores(metrics: pd.DataFrame) -> pd.DataFrame:
    """The last evaluation of the shared model and of each client's own; columns as in `FinishedRun.final`.

    The start, round 0, counts only where nothing was scored after it, as in summary.json's "final".
    """
    rows = without_counts(metrics[metrics["scope"].isin(["generic", "personalized"])])
    about = ["scope", "dataset", "metric"]
    is_trained = rows.groupby(about, observed=True)["round"].transform("max") > 0
    rows = rows[~is_trained | (rows["round"] > 0)]
    last = rows.drop_duplicates([*about, "client"], keep="last")  # rows come in the order of rounds
    return last[[*about, "client", "value"]].astype(dict.fromkeys(about, "str")).reset_index(drop=True)


def _finished(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such run folder. A run writes one: fedreid run SCENARIO --out {folder}")
    if not (folder / run_folder.SCENARIO).is_file():
        raise UserError(f"{folder} is not a run folder: it has no {run_folder.SCENARIO}. Give the folder of one run.")
    path = folder / run_folder.SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        status = summary["status"]
    except FileNotFoundError:
        raise UserError(f"{folder} is not finished: {path.name} is missing. Go on: fedreid resume {folder}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, f"not the summary of a run ({type(error).__name__}: {error})") from None
    if status != "finished":
        rounds = f"{summary.get('rounds', 0)} of {summary.get('rounds_planned', '?')} rounds are done"
        why = f", {summary['error']}" if summary.get("error") else ""
        raise UserError(f"{folder} is not finished ({status}{why}; {rounds}). Go on: fedreid resume {folder}")
    return summary


def _verified(folder: Path, summary: Mapping[str, Any]) -> bool:
    """Whether the run's files are what it wrote; False where it kept no digests."""
    known = summary.get("digests") or {}
    for name, digest in known.items():
        file = folder / name
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


def _scenario(folder: Path, summary: Mapping[str, Any]) -> Scenario:
    try:
        return load_scenario(folder / run_folder.SCENARIO).scenario
    except UserError as error:
        made_by = (summary.get("versions") or {}).get("fedreid", "unknown")
        raise UserError(
            f"{folder}: made by another version of fedreid ({made_by}, this is {version('fedreid')}), "
            f"and can't be read:\n  {str(error).splitlines()[0]}\n  Repeat the run with this version."
        ) from None


def _references(folder: Path) -> pd.DataFrame:
    if (folder / run_folder.REFERENCES).is_file():
        return read_table(folder, run_folder.REFERENCES)
    columns = ("reference", "scope", "client", "dataset", "metric", "value")
    return pd.DataFrame({name: pd.Series(dtype="float64" if name == "value" else "str") for name in columns})


def _refuse_other_scores(run: FinishedRun) -> None:
    """The final scores in summary.json must be those of metrics.csv."""
    told, found = run.summary.get("final", {}), {"/".join(key): value for key, value in run.scores.items()}
    for name in {*told, *found}:
        one, other = told.get(name), found.get(name)
        if not (isinstance(one, int | float) and other is not None and (isnan(one) or isclose(one, other))):
            raise UserError(
                f"{run.path / run_folder.SUMMARY}: edited after the run was finished: final {name} = {one}, but "
                f"{run_folder.METRICS} says {other}.\n  Put the file back, or repeat the run."
            )
