"""What a report says of simulated devices and links: sums by hand, from a run of three clients and two rounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import fedreid
from fedreid.reports import spent
from fedreid.reports.findings import Findings, find
from fedreid.reports.loading import RunFolder, read_run

PROFILES = (
    "system.profiles=[{gmacs_per_second = 1, down_mbps = 8, up_mbps = 8, watts = 2},"
    " {clients = [2], gmacs_per_second = 0.0001, down_mbps = 8, up_mbps = 8}]"
)


@pytest.fixture(scope="module")
def run(scenario: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    overrides = [
        "federation.rounds=2", "evaluation.local_only=false", "evaluation.open_set=never", PROFILES,
        "system.deadline_seconds=30", "system.dropout=0.01",
    ]  # fmt: skip
    return read_run(fedreid.run(scenario, out=tmp_path_factory.mktemp("spent") / "run", overrides=overrides).run_dir)


@pytest.fixture(scope="module")
def findings(run: RunFolder) -> Findings:
    return find(run)


def test_the_rows_of_a_round_are_no_client(findings: Findings) -> None:
    assert set(findings.cost.index.get_level_values("client")) == {0, 1, 2}
    assert findings.rounds.tolist() == [30, 30], "client 2 misses the deadline in both rounds"


def test_a_row_for_each_client(run: RunFolder, findings: Findings) -> None:
    (table,) = spent.tables(findings)
    cells = [[cell.text for cell in row.cells] for row in table.rows]
    assert [row[:4] for row in cells] == [["0", "2", "0", "0"], ["1", "2", "0", "0"], ["2", "2", "2", "0"]]
    rows = run.metrics[(run.metrics.client == 0) & (run.metrics.scope == "cost")]
    seconds = rows[rows.metric == "simulated_seconds"].value
    assert cells[0][4] == f"{seconds.mean():.2f} s"
    assert cells[0][6] == f"{rows[rows.metric == 'joules'].value.sum():,.1f} J"
    assert cells[2][6] == "–", "nobody knows its power"


def test_sums_of_the_whole_run(run: RunFolder, findings: Findings) -> None:
    said = dict(spent.totals(run, findings))
    macs = run.metrics[run.metrics.metric == "macs"].value.sum()
    assert said["Multiplications of training"] == f"{macs / 1e9:,.1f} G"
    assert said["Simulated time of all rounds"] == "1 min 00 s"
    assert said["Answers that came too late"] == "2"


def test_the_page_says_how_time_was_simulated(run: RunFolder) -> None:
    ((term, text),) = spent.notes(run)
    assert term == "Devices and links"
    assert "Answers after 30.0 s of a round are left out." in text
    page = (run.path / "report.html").read_text()
    assert "They are no measurement." in page
    assert "Quality against simulated time" in page


def test_without_devices_nothing_is_said_of_them(run: RunFolder) -> None:
    plain = run.metrics[~run.metrics.metric.isin(["simulated_seconds", "joules", "late", "dropped"])]
    found = find(replace(run, metrics=plain))
    assert spent.tables(found) == []
    assert len(found.rounds) == 0


@pytest.mark.parametrize(
    ("value", "text"), [(4.16, "4.2 J"), (12_340.0, "12.3 kJ"), (4.5e6, "4.5 MJ"), (float("nan"), "–"), (None, "–")]
)
def test_energy(value: float | None, text: str) -> None:
    assert spent.energy(value) == text


@pytest.mark.parametrize(("value", "text"), [(60.0, "1 min 00 s"), (172_800.0, "2.0 days"), (7200.0, "2 h 00 min")])
def test_durations_may_be_days(value: float, text: str) -> None:
    assert spent.duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(49.2e9, "49.2 G"), (3.14e12, "3.1 T"), (None, "–")])
def test_multiplications(value: float | None, text: str) -> None:
    assert spent.macs(value) == text
