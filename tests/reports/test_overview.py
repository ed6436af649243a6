"""Many test sets have one table and one paragraph, with the numbers of metrics.csv; clients asked about theirs."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

import pytest

from tests.reports.made_up import make_run
from tests.reports.made_up_open_set import with_settings
from tests.reports.page import metric, read, write

pytestmark = pytest.mark.usefixtures("text_only")
SETS = ("a", "b", "c", "d", "e")


def scores(run_dir: Path, dataset: str, number: str) -> float:
    (value,) = metric(run_dir, round=number, scope="generic", dataset=dataset, metric="mAP")
    return value


def test_every_test_set_has_a_row_with_its_numbers(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", generic=SETS, datasets=("a", "b"))
    page = write(run_dir)
    table = next(rows for rows in page.tables if rows[0][0] == "Test set")
    head, *rows = [[" ".join(cell.split()) for cell in row] for row in table]
    assert [row[0] for row in rows] == list(SETS)
    for row in rows:
        found = dict(zip(head, row, strict=True))
        first, last = scores(run_dir, row[0], "0"), scores(run_dir, row[0], "5")
        assert (found["Pre-trained"], found["Final"]) == (f"{first:.1f}", f"{last:.1f}")
        assert found["Change"] == f"{last - first:+.1f}".replace("-", "−")
        assert found["Who trains on its dataset"] == ("clients" if row[0] in ("a", "b") else "nobody")


def test_one_paragraph_speaks_of_all_of_them(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", generic=SETS, datasets=("a", "b"))
    write(run_dir)
    text = read(run_dir, "report.md").replace("\u00a0", " ")
    changes = {name: scores(run_dir, name, "5") - scores(run_dir, name, "0") for name in SETS}
    assert f"On {sum(change > 0 for change in changes.values())} of 5 test sets" in text
    assert f"to {fmean(scores(run_dir, name, '5') for name in SETS):.1f} %" in text
    assert f"It gained most on {max(changes, key=changes.__getitem__)} (" in text
    assert "On the 3 datasets that no client has it changed by" in text
    assert "On the test identities of" not in text


def test_few_test_sets_speak_for_themselves(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run", generic=SETS[:3])
    assert not [rows for rows in write(run_dir).tables if rows[0][0] == "Test set"]
    assert read(run_dir, "report.md").count("On the test identities of") == 3


def test_clients_that_are_asked_about_their_test_set(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "run")
    with_settings(run_dir, 'evaluation.personalized="test_set"')
    write(run_dir)
    text = read(run_dir, "report.md")
    assert "On the test sets of their datasets, the clients' own models reach" in text
    assert "## Each client, on its dataset's test set" in text
    assert "held-out images of the client's own people" not in text
