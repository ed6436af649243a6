"""A file store, read back by MLflow's own client."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from fedreid.trackers import TrackedRun
from fedreid.trackers.bookmarks import read_bookmarks, write_bookmarks
from fedreid.trackers.mlflow_store import MlflowStore, metric_name
from fedreid.trackers.tracking import Tracking
from tests.trackers.conftest import SERIES, TOTALS, as_run, write_rounds

MLFLOW_SERIES = {name.replace("TAR@FAR=1e-4", "TAR_at_FAR_1e-4"): points for name, points in SERIES.items()}


def read(store: Path, project: str = "shop") -> tuple[MlflowClient, list[Run]]:
    client = MlflowClient(tracking_uri=store.as_uri())
    experiment = client.get_experiment_by_name(project)
    return client, list(client.search_runs([experiment.experiment_id]))


def series(client: MlflowClient, run: Run) -> dict[str, list[tuple[int, float | None]]]:
    return {
        name: [
            (point.step, None if math.isnan(point.value) else point.value)
            for point in client.get_metric_history(run.info.run_id, name)
        ]
        for name in run.data.metrics
    }


def test_a_run_has_figures_settings_and_report(finished: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    Tracking(finished, [MlflowStore()], nothing_fails).finish()
    client, (run,) = read(finished.path / "mlruns")
    assert series(client, run) == MLFLOW_SERIES | {name: [(2, value)] for name, value in TOTALS.items()}
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "monday"
    assert run.data.params["name"] == "shop"
    assert run.data.params["method.learning_rate"] == str(finished.scenario.method.learning_rate)
    assert run.data.params["data.sources.shop.format"] == "synthetic"
    assert run.data.params["data.image_size"] == "[128, 64]"
    assert set(run.data.params) == set(finished.parameters)
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["report.html"]


@pytest.mark.parametrize("lost", [0, 1], ids=["bookmark up to date", "killed before the bookmark"])
def test_a_resumed_run_is_the_same_run_without_a_round_twice(run: TrackedRun, nothing_fails, lost: int) -> None:  # type: ignore[no-untyped-def]
    write_rounds(run.path, 1, "interrupted")
    Tracking(run, [MlflowStore()], nothing_fails).finish()
    client, (stopped,) = read(run.path / "mlruns")
    assert stopped.info.status == "KILLED"
    bookmark = read_bookmarks(run.path)["mlflow"]
    write_bookmarks(run.path, {"mlflow": replace(bookmark, round=bookmark.round - lost)})
    write_rounds(run.path, 2, "finished")
    resumed = Tracking(run, [MlflowStore()], nothing_fails)
    resumed.follow(2)
    client, (going,) = read(run.path / "mlruns")
    assert going.info.status == "RUNNING"
    resumed.finish()
    client, (done,) = read(run.path / "mlruns")
    assert done.info.run_id == stopped.info.run_id
    assert done.info.status == "FINISHED"
    assert series(client, done) == MLFLOW_SERIES | {name: [(2, value)] for name, value in TOTALS.items()}


def test_a_run_that_was_deleted_in_mlflow_is_written_again(finished: TrackedRun, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    Tracking(finished, [MlflowStore()], nothing_fails).finish()
    client, (first,) = read(finished.path / "mlruns")
    client.delete_run(first.info.run_id)
    Tracking(finished, [MlflowStore()], nothing_fails).finish()
    client, (again,) = read(finished.path / "mlruns")
    assert again.info.run_id != first.info.run_id
    assert series(client, again)["train/loss"] == SERIES["train/loss"]


def test_runs_share_a_named_store_under_the_name_of_their_project(tmp_path: Path, nothing_fails) -> None:  # type: ignore[no-untyped-def]
    for name in ("monday", "tuesday"):
        run = as_run(tmp_path / name, mlflow_folder=str(tmp_path / "all of them"), project="market")
        write_rounds(run.path, 2, "finished")
        Tracking(run, [MlflowStore()], nothing_fails).finish()
        assert not (run.path / "mlruns").exists()
    _, runs = read(tmp_path / "all of them", "market")
    assert {run.info.run_name for run in runs} == {"monday", "tuesday"}


def test_names_keep_to_the_characters_that_mlflow_takes() -> None:
    assert metric_name("personalized/market-1501/TPIR@FPIR=1e-2") == "personalized/market-1501/TPIR_at_FPIR_1e-2"
