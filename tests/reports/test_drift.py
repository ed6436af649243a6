"""Client drift: two figures with the numbers of metrics.csv, and nothing where nothing was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.reports.drift import figures
from fedreid.reports.findings import find
from fedreid.reports.loading import read_run
from tests.reports.made_up import make_run
from tests.reports.made_up_open_set import append
from tests.reports.page import read, write

pytestmark = pytest.mark.usefixtures("text_only")
MOVED = {1: (4.0, 6.0, 8.0, 2.0), 2: (1.0, 3.0, 2.0, 2.0)}  # percent, of four clients


def make(folder: Path, *, moved: bool = True, agreed: bool = True) -> Path:
    run_dir = make_run(folder, rounds=2)
    if moved:
        rows = [
            (n, "train", client, "", "update_norm", each) for n, of in MOVED.items() for client, each in enumerate(of)
        ]
        append(run_dir / "metrics.csv", rows)
    if agreed:
        append(
            run_dir / "metrics.csv", [(1, "train", "", "", "agreement", 80.0), (2, "train", "", "", "agreement", 61.25)]
        )
    return run_dir


def test_curves_have_the_numbers_of_the_table(tmp_path: Path) -> None:
    drift, agreement = figures(find(read_run(make(tmp_path / "run"))))
    line = drift.figure.axes[0].lines[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 2], [5, 2])  # means
    low, high = drift.figure.axes[0].collections[0].get_paths()[0].vertices[:, 1].min(), 8  # type: ignore[index]
    assert (low, high) == (1, 8)
    assert "mean and lowest to highest client" in drift.caption
    agreed, unrelated = agreement.figure.axes[0].lines
    assert list(agreed.get_ydata()) == [80, 61.25]
    assert list(unrelated.get_ydata()) == [50, 50]  # 100 / sqrt(4)


def test_the_caption_says_how_to_read_it(tmp_path: Path) -> None:
    run_dir = make(tmp_path / "run")
    write(run_dir)
    for text in (read(run_dir), read(run_dir, "report.md")):
        assert "In round 2, the last one, it is 61.2 %, against 50.0 % for unrelated ones." in text
        assert "Client drift" in text
    assert "![Drift](figures/drift.png)" in read(run_dir, "report.md")


def test_runs_without_the_measure_have_no_section_and_parts_of_networks_no_agreement(tmp_path: Path) -> None:
    assert list(figures(find(read_run(make(tmp_path / "old", moved=False, agreed=False))))) == []
    write(tmp_path / "old")
    assert "Client drift" not in read(tmp_path / "old")
    (only,) = figures(find(read_run(make(tmp_path / "tiers", agreed=False))))
    assert only.name == "drift"


def test_rows_of_the_whole_round_are_no_client(tmp_path: Path) -> None:
    findings = find(read_run(make(tmp_path / "run")))
    assert sorted(findings.clients.index) == [0, 1, 2, 3]
    assert "agreement" not in findings.train
