"""The Flower ServerApp: prepare the run unless it is prepared, then all rounds. Thin: `server.rounds` does the work."""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from fedreid import run_folder, wire
from fedreid.progress import Progress, progress_for
from fedreid.reports import write_report
from fedreid.scenario import load_scenario
from fedreid.trackers import tracked
from server.rounds import Federation
from server.setup import Setup, create_run, set_up
from server.summary import write_summary

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run one federation.

    `run_config` holds either "run-dir", a run that is prepared (fedreid's own engines), or "scenario", with "set"
    (overrides, separated by spaces) and "out" (`flwr run .`, where the server prepares the run itself).
    """
    config = context.run_config
    progress: Progress = getattr(grid, "progress", None) or progress_for(sys.stdout)
    if config.get(wire.RUN_DIR):
        Federation(Setup.open(Path(str(config[wire.RUN_DIR]))), grid, progress).run()
        return
    scenario = load_scenario(str(config["scenario"]), shlex.split(str(config.get("set", "")))).scenario
    out = Path(str(config["out"])).absolute() if config.get("out") else None
    goes_on = out is not None and (out / run_folder.SCENARIO).exists()
    run_dir = out if out is not None and goes_on else create_run(scenario, out)
    with run_folder.locked(run_dir), tracked(progress, run_dir) as told:
        _on_flowers_engine(run_dir, grid, told)


def _on_flowers_engine(run_dir: Path, grid: Grid, progress: Progress) -> None:
    """All that `fedreid run` does around the rounds: preparation, the summary at each turn, the report."""
    started = time.perf_counter()
    setup = set_up(run_dir, progress)
    progress.message(f"run folder: {run_dir}")

    def tell(status: str, error: str = "") -> None:
        seconds = 0.0 if status == "running" else time.perf_counter() - started
        write_summary(run_dir, status, engine="flower", command="flwr run .", seconds=seconds, error=error)

    tell("running")
    try:
        Federation(setup, grid, progress).run()
    except BaseException as error:
        is_stopped = isinstance(error, KeyboardInterrupt)
        with suppress(OSError):  # the disk may be full
            tell("interrupted" if is_stopped else "failed", "" if is_stopped else str(error))
        raise
    tell("finished")
    progress.message(f"report: {write_report(run_dir)}")
