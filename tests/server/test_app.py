"""The ServerApp as Flower's own engine calls it: it prepares the run itself, locks it, and says how it ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flwr.app import Context, RecordDict

from clients.app import app as client_app
from fedreid import run_folder
from fedreid.errors import ClientError, UserError
from fedreid.progress import Progress
from fedreid.simulation.serial import SerialGrid
from server.app import app


def launch(scenario: Path, out: Path, changes: str = "", progress: Progress | None = None) -> None:
    context = Context(
        run_id=1, node_id=1, node_config={}, state=RecordDict(),
        run_config={"scenario": str(scenario), "out": str(out), "set": f"evaluation.local_only=false {changes}"},
    )  # fmt: skip
    app(SerialGrid(client_app, 3, progress or Progress()), context)


def status(out: Path) -> str:
    return json.loads((out / "summary.json").read_text())["status"]


def test_a_run_ends_with_a_summary_and_a_report(scenario: Path, tmp_path: Path):
    launch(scenario, tmp_path / "run", "federation.rounds=1")
    assert status(tmp_path / "run") == "finished"
    assert (tmp_path / "run" / "report.html").exists()


def test_a_run_that_fails_says_so_in_its_summary_and_goes_on_later(scenario: Path, tmp_path: Path):
    out = tmp_path / "run"
    with pytest.raises(ClientError):
        launch(scenario, out, "method.learning_rate=1e30")
    assert status(out) == "failed"


class Stop(Progress):
    def client_done(self, client: int, images: int, loss: float) -> None:
        raise KeyboardInterrupt


def test_a_run_that_is_stopped_goes_on_with_the_same_command(scenario: Path, tmp_path: Path):
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        launch(scenario, out, "federation.rounds=1", Stop())
    assert status(out) == "interrupted"
    launch(scenario, out, "federation.rounds=1")
    assert status(out) == "finished"


def test_two_processes_never_share_a_run_folder(scenario: Path, tmp_path: Path):
    out = tmp_path / "run"
    out.mkdir()
    launch(scenario, out, "federation.rounds=1")
    with run_folder.locked(out), pytest.raises(UserError, match="in use by another process"):
        launch(scenario, out)
