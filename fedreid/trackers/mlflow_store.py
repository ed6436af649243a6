"""MLflow: a run in a file store, without a server.

The store is a folder; runs that name the same one stand side by side on MLflow's own page. The settings of the resolved
scenario are the run's parameters, the report is its artifact.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

# Read when the library is imported: it sends no usage statistics, and takes a folder for a store.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from fedreid.trackers.tracker import Bookmark, Figures, TrackedRun, Tracker, place_of

FOLDER = "mlruns"
MOST_PARAMETERS, MOST_METRICS = 100, 1000  # that MLflow takes at once
STATUS = {"finished": "FINISHED", "interrupted": "KILLED"}


class MlflowStore(Tracker):
    """One MLflow run for each run folder, in an experiment of the scenario's name; its steps are the rounds."""

    name = "mlflow"

    def holds(self, run: TrackedRun, bookmark: Bookmark) -> bool:
        folder = store_of(run)
        if not bookmark.run or bookmark.place != place_of(folder, run.path) or not folder.is_dir():
            return False
        try:
            found = MlflowClient(tracking_uri=folder.as_uri()).get_run(bookmark.run)
        except MlflowException:  # somebody has removed it
            return False
        return bool(found.info.lifecycle_stage == "active")

    def start(self, run: TrackedRun, before: Bookmark) -> Bookmark:
        self.folder, self.goes_on = store_of(run), self.holds(run, before)
        self.client = MlflowClient(tracking_uri=self.folder.as_uri())
        if self.goes_on:
            self.run_id, self.round = before.run, before.round
            self.client.update_run(self.run_id, status="RUNNING")
        else:
            self.run_id, self.round = self._new(run), -1
        return Bookmark(place_of(self.folder, run.path), self.run_id, self.round)

    def _new(self, run: TrackedRun) -> str:
        experiment = self.client.get_experiment_by_name(run.project)
        number = experiment.experiment_id if experiment else self.client.create_experiment(run.project)
        tags = {"fedreid.run_folder": str(run.path), "mlflow.note.content": run.scenario.description}
        run_id: str = self.client.create_run(number, run_name=run.title, tags=tags).info.run_id
        parameters = [Param(name, value) for name, value in run.parameters.items()]
        for first in range(0, len(parameters), MOST_PARAMETERS):
            self.client.log_batch(run_id, params=parameters[first : first + MOST_PARAMETERS])
        return run_id

    def log(self, round: int, figures: Figures) -> None:
        if self.goes_on:  # a kill may have come between MLflow's files and the bookmark
            figures = {name: value for name, value in figures.items() if not self._has(name, round)}
        self._write(round, figures)
        self.round, self.goes_on = round, False

    def _has(self, name: str, round: int) -> bool:
        return any(point.step == round for point in self.client.get_metric_history(self.run_id, metric_name(name)))

    def _write(self, round: int, figures: Figures) -> None:
        now = int(time.time() * 1000)
        metrics = [Metric(metric_name(name), value, now, round) for name, value in figures.items()]
        for first in range(0, len(metrics), MOST_METRICS):
            self.client.log_batch(self.run_id, metrics=metrics[first : first + MOST_METRICS])

    def finish(self, status: str, totals: Figures, artifacts: Sequence[Path]) -> None:
        self._write(self.round, totals)
        for path in artifacts:
            self.client.log_artifact(self.run_id, str(path))
        self.client.set_terminated(self.run_id, STATUS.get(status, "FAILED"))

    @property
    def command(self) -> str:
        return f"MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri {self.folder}"


def store_of(run: TrackedRun) -> Path:
    """The folder that the scenario names, or mlruns in the run folder."""
    named = run.scenario.tracking.mlflow_folder
    return Path(os.path.expandvars(named)).expanduser().absolute() if named else run.path / FOLDER


def metric_name(name: str) -> str:
    """A figure's name in the characters that MLflow takes: "TAR@FAR=1e-4" is "TAR_at_FAR_1e-4"."""
    return re.sub(r"[^\w.\- :/]", "_", name.replace("@", "_at_"))
