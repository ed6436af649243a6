"""Scores on the clients' own people, by model: which of a federation's models serves a client best."""

from __future__ import annotations

import pandas as pd

from fedreid.reports.names import Names

WITHOUT_BRANCH = "local_model/"  # prefix in metrics.csv: Theta_i, where the personalized model is [Theta_i, Pi_i]
REFERENCES = {
    "shared": "global_model", "fine_tune": "fine_tune", "distillation": "distillation", "alone": "local_only",
}  # fmt: skip
ORDER = ("start", "shared", "plain", "own", "fine_tune", "distillation", "alone")  # from everybody's to one's own


def models_of(own: pd.DataFrame, references: pd.DataFrame, names: Names) -> dict[str, pd.DataFrame]:
    """Scores by model, see `fedreid.reports.findings.Findings`.

    Where there is no federation there is no shared model beside the others: the central one is what is scored, and
    local training leaves the start.

    Args:
        own: (round, client) rows of all personalized evaluations.
        references: long form, as in references.csv.
    """
    scores = own.drop(columns="dataset", errors="ignore").reset_index()
    start = scores[scores["round"] == 0]
    last = scores[scores["round"] > 0].sort_values("round").drop_duplicates("client", keep="last")
    branchless = [column for column in scores if str(column).startswith(WITHOUT_BRANCH)]
    plain = last[["client", *branchless]].rename(columns=lambda name: str(name).removeprefix(WITHOUT_BRANCH))
    found = {"start": start.drop(columns=branchless), "own": last.drop(columns=branchless), "plain": plain}
    rows = references[references["scope"] == "personalized"]
    for model, reference in REFERENCES.items():
        if model != "shared" or names.is_federation:
            found[model] = pivot(rows[rows["reference"] == reference], ["client"]).reset_index()
    measured = {model: _by_client(found[model]) for model in ORDER if model in found}
    return {model: table for model, table in measured.items() if len(table)}


def _by_client(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that hold a number, and columns that do."""
    scores = table.drop(columns="round", errors="ignore").set_index("client").astype("float64")
    return scores.dropna(how="all").dropna(axis="columns", how="all").sort_index()


def wide(table: pd.DataFrame, scope: str, keys: list[str]) -> pd.DataFrame:
    """The rows of one scope, with metrics as columns."""
    return pivot(table[table["scope"] == scope], keys)


def pivot(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Metrics as columns. The last row wins where a round was done twice, which is what a resumed run did."""
    if table.empty:
        return table[keys].set_index(keys)
    unique = table.drop_duplicates([*keys, "metric"], keep="last")
    return unique.set_index([*keys, "metric"])["value"].unstack("metric").sort_index().rename_axis(columns=None)
