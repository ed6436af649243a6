"""A finished run, read and checked: its settings, final scores, tables, and how well each query was answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

import pandas as pd

from fedreid import run_folder
from fedreid.comparison.intact import finished_summary, is_verified, refuse_other_scores
from fedreid.comparison.tables import TIMING, read_table, without_counts
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
        images: by source, the name of its decoded images, which is a hash of the files' content and the images' size;
            empty where that isn't known.
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
    images: Mapping[str, str] = field(default_factory=dict)
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
    def trained_clients(self) -> frozenset[int]:
        """Clients whose own models were scored after the start."""
        rows = self.metrics[(self.metrics["scope"] == "personalized") & (self.metrics["round"] > 0)]
        return frozenset(rows["client"].unique().tolist())

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
    try:
        return _read(folder)
    except OSError as error:
        raise UserError(f"{error.filename or folder}: can't be read: {error.strerror}") from None


def _read(folder: Path) -> FinishedRun:
    summary = finished_summary(folder)
    notes = [] if is_verified(folder, summary) else [UNVERIFIED]
    queries = {file.stem: read_query_scores(file) for file in sorted((folder / run_folder.QUERIES).glob("*.csv"))}
    found = FinishedRun(
        path=folder,
        scenario=_scenario(folder, summary),
        summary=summary,
        metrics=read_table(folder, run_folder.METRICS),
        references=_references(folder),
        timing=read_table(folder, TIMING),
        queries=queries,
        splits={file.name: run_folder.digest(file) for file in sorted((folder / run_folder.SPLITS).glob("*.csv"))},
        images=_images(folder / run_folder.SPLITS / run_folder.SPLIT_INDEX),
        notes=tuple(notes),
    )
    if UNVERIFIED not in notes:
        refuse_other_scores(folder, summary, found.scores)
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


def _scenario(folder: Path, summary: Mapping[str, Any]) -> Scenario:
    try:
        return load_scenario(folder / run_folder.SCENARIO).scenario
    except UserError as error:
        made_by, this = summary.get("versions", {}).get("fedreid", "unknown"), version("fedreid")
        why = f"made by another version of fedreid ({made_by}, this is {this})"
        if made_by == this:
            why = f"edited by hand, or made by another state of fedreid {this}"
        line = str(error).splitlines()[0]
        raise UserError(f"{folder}: {why}, and can't be read:\n  {line}\n  Repeat the run with this version.") from None


def _images(index: Path) -> dict[str, str]:
    """Whoever leaves out or changes this file loses a check and no number."""
    try:
        caches = json.loads(index.read_text(encoding="utf-8"))["caches"]
        return {str(name): PurePath(path).name for name, path in caches.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _references(folder: Path) -> pd.DataFrame:
    if (folder / run_folder.REFERENCES).is_file():
        return read_table(folder, run_folder.REFERENCES)
    columns = ("reference", "scope", "client", "dataset", "metric", "value")
    return pd.DataFrame({name: pd.Series(dtype="float64" if name == "value" else "str") for name in columns})
