"""Every number on a comparison's page is the one that the runs' own metrics.csv gives."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedreid.comparison.compared import compared_runs
from fedreid.reports.comparison_page import write_comparison_report
from tests.reports.comparison_page.made_up import a_run, two_methods
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


def test_images_in_one_place_are_trained_on_without_traffic(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / name, name, 0) for name in ("fedavg", "centralised")]
    page = Page(write_comparison_report(compared_runs(runs, tmp_path / "out", "", "fedreid compare a b")).read_text())
    assert [row["Variant"] for row in page.table("Down, client and round")] == ["FedAvg"]
    assert [row["Images"] for row in page.table("Variant", "Images")] == ["60", "60"]


def test_every_client_counts_in_the_table_of_fairness(tmp_path: Path) -> None:
    rows = Page(write_comparison_report(two_methods(tmp_path)).read_text()).table("Worst client", "Best client")
    for row, name in zip(rows, ("avg", "prox"), strict=True):
        each = [
            table.query("scope == 'personalized'").set_index("client")["value"] for table in metrics(tmp_path, name)
        ]
        clients = pd.concat(each, axis=1).mean(axis=1)
        assert (row["Seeds"], row["Clients"]) == ("3", "3")
        assert row["Spread over clients"] == f"{clients.std():.1f}"
        assert (row["Worst client"], row["Best client"]) == (f"{clients.min():.1f}", f"{clients.max():.1f}")
        assert row["Lowest client of a seed, mean"] == f"{np.mean([table.min() for table in each]):.1f}"


def test_the_rest_of_the_scores_and_the_images_are_those_of_the_runs(tmp_path: Path) -> None:
    page = Page(write_comparison_report(two_methods(tmp_path)).read_text())
    tables = [[[" ".join(cell.split()) for cell in line] for line in rows] for rows in page.tables]
    generic = next(rows for rows in tables if rows[0] == ["Variant", "mAP", "rank-1"])
    own = next(rows for rows in tables if rows[0] == ["Variant", "mAP"])
    for place, name in enumerate(("avg", "prox"), start=1):
        found = metrics(tmp_path, name)
        assert generic[place][1:] == [told(values(found, "generic", metric)) for metric in ("mAP", "rank1")]
        assert own[place][1:] == [told(values(found, "personalized", "mAP"))]
        (images,) = set(values(found, "cost", "images", "sum"))
        assert page.table("Variant", "Images")[place - 1]["Images"] == f"{images:.0f}"
    gap = np.subtract(*(values(metrics(tmp_path, name), "personalized", "mAP") for name in ("prox", "avg"))).mean()
    assert page.table("Own vs FedAvg")[1]["Own vs FedAvg"] == f"{gap:+.1f}"
