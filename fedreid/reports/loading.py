"""A run folder, read and checked: everything a report knows comes from these files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from fedreid import run_folder
from fedreid.data.examples import Examples, read_examples
from fedreid.errors import UserError
from fedreid.scenario.load import load_scenario
from fedreid.scenario.schema import Scenario

METRICS = ("round", "scope", "client", "dataset", "metric", "value")
TIMING = ("round", "client", "metric", "value")
REFERENCES = ("reference", "scope", "client", "dataset", "metric", "value")


@dataclass(frozen=True)
class RunFolder:
    """What a run left behind.

    Attributes:
        path: the folder.
        summary: summary.json.
        data: who got which data: summary.json's "data", or splits/data.json where the run didn't get that far.
        scenario: the resolved scenario; `scenario_text` is the file itself.
        metrics: long form, columns METRICS; client -1 where the file has none.
        timing: long form, columns TIMING.
        references: long form, columns REFERENCES; empty where no reference was trained.
        examples: by generic test set, what the final shared model finds; without pictures if the scenario wants none.
    """

    path: Path
    summary: dict[str, Any]
    data: dict[str, Any]
    scenario: Scenario
    scenario_text: str
    metrics: pd.DataFrame
    timing: pd.DataFrame
    references: pd.DataFrame
    examples: dict[str, Examples]


def read_run(path: Path) -> RunFolder:
    """Read a run folder.

    Raises:
        UserError: the folder or one of its files is missing or isn't what a run writes; the message names the file.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such run folder. A run writes one: fedreid run SCENARIO --out {path}")
    summary = _read_json(path / "summary.json")
    references = path / "references.csv"
    scenario = load_scenario(_existing(path / "scenario.toml")).scenario
    return RunFolder(
        path=path,
        summary=summary,
        data=summary.get("data") or _read_json(path / "splits" / "data.json").get("summary", {}),
        scenario=scenario,
        scenario_text=(path / "scenario.toml").read_text(encoding="utf-8"),
        metrics=_read_table(path / "metrics.csv", METRICS),
        timing=_read_table(path / "timing.csv", TIMING),
        references=_read_table(references, REFERENCES) if references.exists() else pd.DataFrame(columns=[*REFERENCES]),
        examples=_examples(path / run_folder.EXAMPLES, images=scenario.report.images),
    )


def _examples(folder: Path, *, images: bool) -> dict[str, Examples]:
    found = read_examples(folder)
    return found if images else {name: replace(each, pictures=None) for name, each in found.items()}


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(
            f"{path.parent}: {path.name} is missing, so this is not a complete run folder. "
            "A run that was stopped early writes it when it goes on: fedreid resume RUN_DIR"
        )
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(_existing(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected an object with names and values, found a {type(content).__name__}")
    return content


def _read_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A long table; text columns are text, `value` is float, an empty client is -1 (a row of the whole federation)."""
    try:
        table = pd.read_csv(_existing(path), dtype=dict.fromkeys(columns, str), keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a table of comma-separated values: {error}") from None
    if missing := [name for name in columns if name not in table]:
        raise UserError(f"{path}: expected the columns {', '.join(columns)}; missing: {', '.join(missing)}")
    table = _without_torn_row(table[[*columns]])
    table["client"] = table["client"].replace("", "-1")
    for name in set(columns) & {"round", "client", "value"}:
        table[name] = _numbers(path, table[name], "float64" if name == "value" else "int64")
    return table


def _without_torn_row(table: pd.DataFrame) -> pd.DataFrame:
    """Without the last row where it lacks its end: the process was killed while it wrote."""
    is_torn = len(table) > 0 and (pd.isna(table["value"].iloc[-1]) or table["value"].iloc[-1] == "")
    return table.iloc[:-1].copy() if is_torn else table.copy()


def _numbers(path: Path, column: pd.Series, kind: Literal["int64", "float64"]) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    unreadable = values.isna() & ~((column.str.lower() == "nan") & (kind == "float64")).astype(bool)
    if unreadable.any():
        row = int(unreadable.to_numpy().argmax())
        raise UserError(f"{path}: line {row + 2}: {column.name} = {column.iloc[row]!r} is not a number")
    return values.astype(kind)
