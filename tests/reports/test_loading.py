"""Reading a run folder: what is optional, and what each broken file is told."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fedreid.errors import UserError
from fedreid.reports.loading import read_run
from tests.reports.made_up import make_run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", clients=2, rounds=2)


def test_rows_of_the_whole_federation_have_client_minus_one(run_dir: Path) -> None:
    metrics = read_run(run_dir).metrics
    assert set(metrics.loc[metrics["scope"] == "generic", "client"]) == {-1}
    assert set(metrics.loc[metrics["scope"] == "train", "client"]) == {0, 1}


@pytest.mark.parametrize("name", ["summary.json", "metrics.csv", "timing.csv", "scenario.toml"])
def test_a_missing_file_is_named(run_dir: Path, name: str) -> None:
    (run_dir / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        read_run(run_dir)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere: no such run folder"):
        read_run(tmp_path / "nowhere")


def test_references_are_optional(run_dir: Path) -> None:
    (run_dir / "references.csv").unlink()
    assert read_run(run_dir).references.empty


def test_data_come_from_the_splits_when_the_summary_has_none(run_dir: Path) -> None:
    text = (run_dir / "summary.json").read_text()
    (run_dir / "summary.json").write_text('{"name": "shop", "status": "running"}')
    assert '"shared_identities": 0' in text
    assert read_run(run_dir).data["shared_identities"] == 0


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_summary_that_is_not_an_object_is_refused(run_dir: Path, text: str) -> None:
    (run_dir / "summary.json").write_text(text)
    with pytest.raises(UserError, match=r"summary\.json"):
        read_run(run_dir)


def test_a_missing_column_is_named(run_dir: Path) -> None:
    (run_dir / "timing.csv").write_text("round,metric,value\n1,round_seconds,3\n")
    with pytest.raises(UserError, match=r"timing\.csv: expected the columns .*; missing: client"):
        read_run(run_dir)


def test_a_value_that_is_no_number_is_named_with_its_line(run_dir: Path) -> None:
    (run_dir / "metrics.csv").write_text(
        "round,scope,client,dataset,metric,value\n1,train,0,,loss,2.5\n2,train,0,,loss,high\n3,train,0,,loss,1.0\n"
    )
    with pytest.raises(UserError, match=r"metrics\.csv: line 3: value = 'high' is not a number"):
        read_run(run_dir)


def test_a_loss_that_is_not_finite_is_a_number(run_dir: Path) -> None:
    (run_dir / "metrics.csv").write_text(
        "round,scope,client,dataset,metric,value\n1,train,0,,loss,nan\n1,train,0,,steps,3\n"
    )
    assert math.isnan(read_run(run_dir).metrics["value"].iloc[0])


@pytest.mark.parametrize("torn", ["3,train", "3,train,0,,loss", "3,train,0,,loss,"])
def test_a_last_line_without_its_end_is_left_out(run_dir: Path, torn: str) -> None:
    (run_dir / "metrics.csv").write_text(f"round,scope,client,dataset,metric,value\n1,train,0,,loss,2.5\n{torn}")
    assert list(read_run(run_dir).metrics["value"]) == [2.5]


def test_an_empty_table_is_told(run_dir: Path) -> None:
    (run_dir / "metrics.csv").write_text("")
    with pytest.raises(UserError, match=r"metrics\.csv: not a table"):
        read_run(run_dir)
