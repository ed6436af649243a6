"""The tables of a finished run, read strictly: what a run wrote itself has no row that is cut short."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pandas as pd

from fedreid import run_folder
from fedreid.errors import UserError

TIMING = "timing.csv"
COLUMNS = {
    run_folder.METRICS: ("round", "scope", "client", "dataset", "metric", "value"),
    run_folder.REFERENCES: ("reference", "scope", "client", "dataset", "metric", "value"),
    TIMING: ("round", "client", "metric", "value"),
}
NUMBERS = {"round": "int64", "client": "float64", "value": "float64"}  # client: nan where there is none
COUNTS = ("queries", "skipped", "genuine_pairs", "impostor_pairs", "mated_probes", "non_mated_probes")


def read_table(run_dir: Path, name: str) -> pd.DataFrame:
    """A long table: names as categories, `value` float, client -1 where a row is about the whole federation.

    Raises:
        UserError: the file is missing, or damaged; the message names it and the line.
    """
    path = run_dir / name
    if not path.is_file():
        raise UserError(f"{path}: no such file, so this run folder is not complete. Copy the whole folder again.")
    try:
        table = pd.read_csv(
            path, dtype={column: NUMBERS.get(column, "category") for column in COLUMNS[name]},
            keep_default_na=False, na_values={"value": "nan", "client": ""},
        )  # fmt: skip
    except (ValueError, OSError) as error:  # parsing and decoding errors are ValueErrors
        raise damaged(path, _fault(path, COLUMNS[name]) or str(error)) from None
    if list(table.columns) != list(COLUMNS[name]):
        raise damaged(path, f"expected the columns {', '.join(COLUMNS[name])}, found {', '.join(table.columns)}")
    may_be_short = table[["metric", "value"]].isna().to_numpy().any() or not _ends(path)  # pandas fills short rows
    if may_be_short and (fault := _fault(path, COLUMNS[name])):
        raise damaged(path, fault)
    return table.assign(client=table["client"].fillna(-1).astype("int64"))


def damaged(path: Path, why: str) -> UserError:
    """What to raise where a file isn't what a run writes."""
    return UserError(f"{path}: damaged: {why}.\n  Copy the run folder again, or repeat the run.")


def without_counts(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are scores in percent, and no numbers of queries or pairs."""
    counts = [metric for metric in table["metric"].unique() if metric.rpartition("/")[2] in COUNTS]
    return table[~table["metric"].isin(counts)]


def _fault(path: Path, columns: tuple[str, ...]) -> str:
    """Where the first row is that doesn't fit, and why; "" if it isn't the rows."""
    try:
        text = path.read_text(encoding="utf-8")
        header, *rows = csv.reader(text.splitlines())
    except (OSError, ValueError, csv.Error):
        return "not a table of comma-separated values"
    if tuple(header) != columns:
        return f"expected the columns {', '.join(columns)}, found {', '.join(header)[:100]}"
    for number, row in enumerate(rows, start=2):
        if len(row) != len(columns):
            return f"line {number} has {len(row)} values, expected {len(columns)}"
        for column, cell in zip(columns, row, strict=True):
            if column in NUMBERS and not _is_number(cell, may_be_empty=column == "client"):
                return f"line {number}: {column} = {cell!r} is not a number"
    return "" if text.endswith("\n") else "its last line is cut short"


def _ends(path: Path) -> bool:
    """Whether the last line does."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


def _is_number(text: str, *, may_be_empty: bool) -> bool:
    try:
        float(text)
    except ValueError:
        return may_be_empty and not text
    return True
