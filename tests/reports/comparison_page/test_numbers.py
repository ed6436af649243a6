"""Every number on a comparison's page is the one that the runs' own metrics.csv gives."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedreid.reports.comparison_page import write_comparison_report
from tests.reports.comparison_page.made_up import two_methods
from tests.reports.page import Page

pytestmark = pytest.mark.usefixtures("text_only")


def metrics(folder: Path, name: str) -> list[pd.DataFrame]:
    """metrics.csv of a variant's runs, without the start."""
    tables = [pd.read_csv(path) for path in sorted(folder.glob(f"{name}-*/metrics.csv"))]
    return [table[table["round"] > 0] for table in tables]


def values(tables: list[pd.DataFrame], scope: str, metric: str, how: str = "mean") -> list[float]:
    """One value for each seed."""
    chosen = [table[(table["scope"] == scope) & (table["metric"] == metric)]["value"] for table in tables]
    return [float(getattr(each, how)()) for each in chosen]


def told(numbers: list[float]) -> str:
    return f"{np.mean(numbers):.1f} ± {np.std(numbers, ddof=1):.1f}"


def test_the_main_table_equals_the_runs_metrics(tmp_path: Path) -> None:
    found = two_methods(tmp_path)
    rows = Page(write_comparison_report(found).read_text()).table("Variant", "mAP", "Own models mAP", "Traffic")
    for row, name in zip(rows, ("avg", "prox"), strict=True):
        tables = metrics(tmp_path, name)
        assert row["Seeds"] == "3"
        assert row["mAP"] == told(values(tables, "generic", "mAP"))
        assert row["rank-1"] == told(values(tables, "generic", "rank1"))
        assert row["Own models mAP"] == told(values(tables, "personalized", "mAP"))
        client = pd.concat(tables).query("scope == 'personalized'").groupby("client")["value"].mean()
        assert row["Worst client mAP"] == f"{client.min():.1f}"
        moved = np.add(values(tables, "cost", "bytes_down", "sum"), values(tables, "cost", "bytes_up", "sum"))
        assert row["Traffic"] == f"{moved.mean() / 1000:.1f} kB"
    gaps = np.subtract(*(values(metrics(tmp_path, name), "generic", "mAP") for name in ("prox", "avg")))
    assert rows[1]["mAP vs FedAvg"] == f"{gaps.mean():+.1f}"


def test_files_of_tables_hold_the_unrounded_numbers(tmp_path: Path) -> None:
    found = two_methods(tmp_path)
    write_comparison_report(found)
    with (found.out / "tables" / "main-shop.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row, name in zip(rows, ("avg", "prox"), strict=True):
        scores = values(metrics(tmp_path, name), "generic", "mAP")
        assert float(row["mAP"]) == pytest.approx(np.mean(scores), abs=1e-12)
        assert float(row["mAP sd"]) == pytest.approx(np.std(scores, ddof=1), abs=1e-12)
    kept = pd.read_csv(found.out / "comparison.csv").query("scope == 'generic' and metric == 'mAP'")
    assert [float(row["mAP"]) for row in rows] == pytest.approx(kept["mean"].tolist())
    assert float(rows[1]["mAP vs FedAvg"]) == pytest.approx(kept["difference"].iloc[1])


def test_traffic_is_told_by_client_and_round(tmp_path: Path) -> None:
    page = Page(write_comparison_report(two_methods(tmp_path)).read_text())
    rows = page.table("Down, client and round")
    assert [row["Down, client and round"] for row in rows] == ["1.0 kB", "1.5 kB"]
    assert [row["Up, client and round"] for row in rows] == ["500 B", "750 B"]
    assert [row["Both ways"] for row in rows] == ["9.0 kB", "13.5 kB"], "two rounds of three clients"
    assert [row["Against reference"] for row in rows] == ["1.00 ×", "1.50 ×"]
