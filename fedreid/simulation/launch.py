"""Launch a federation, or go on with one: prepare the run, build a grid, call the Flower ServerApp with it, report."""

from __future__ import annotations

import errno
import json
import logging
import os
import shlex
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Flower asks for this before it is imported: a simulation reports to nobody.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import pandas as pd
from flwr.app import Context, RecordDict

from clients.workspace import workspace
from fedreid import run_folder, wire
from fedreid.errors import RunError, UserError
from fedreid.progress import Progress
from fedreid.reports import write_report
from fedreid.scenario import Resolved, Scenario, load_scenario
from fedreid.scenario.unused import without_effect
from fedreid.simulation.grid import RUN_ID, SERVER_NODE, LocalGrid
from fedreid.simulation.logged import LoggedProgress
from fedreid.trackers import tracked
from fedreid.training.device import choose_device
from server.app import app as server_app
from server.setup import Setup, create_run, set_up
from server.summary import write_summary

CLIENT_APP = "clients.app:app"
REPORT = "report.html"

logger = logging.getLogger(__name__)


class Interrupted(Exception):
    """The user pressed Ctrl-C; everything up to the last finished round is saved.

    Attributes:
        run_dir: what to give to `resume`.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        super().__init__(f"stopped; the finished rounds are saved. Resume with: fedreid resume {run_dir}")


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes:
        run_dir: its folder.
        summary: the content of summary.json.
        report: the page to open.
    """

    run_dir: Path
    summary: dict[str, Any]
    report: Path

    @property
    def final(self) -> dict[str, float]:
        """Final scores in percent, by names like "generic/market1501/mAP"."""
        return self.summary["final"]

    @property
    def metrics(self) -> pd.DataFrame:
        """metrics.csv: round, scope, client, dataset, metric, value."""
        return pd.read_csv(self.run_dir / "metrics.csv")

    @property
    def timing(self) -> pd.DataFrame:
        """timing.csv: round, client, metric, value."""
        return pd.read_csv(self.run_dir / "timing.csv")

    @property
    def references(self) -> pd.DataFrame:
        """references.csv: reference, scope, client, dataset, metric, value."""
        return pd.read_csv(self.run_dir / "references.csv")


def run(
    scenario: str | Path | Scenario,
    *,
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    engine: str | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Run a federation from its first round to its report.

    Args:
        scenario: a TOML file, or settings made in Python.
        overrides: `key.path=value` on top of the file.
        out: run folder; by default results/<name>/<UTC time>.
        engine: "serial" or "ray", instead of the scenario's.

    Raises:
        UserError: a mistake in the scenario, the data or the output folder.
        RunError: a client failed, or the disk is full.
        Interrupted: Ctrl-C; resume with the run folder it names.
    """
    changes = [*overrides, *([f"runtime.engine={engine}"] if engine else [])]
    command = ""
    if isinstance(scenario, Scenario):
        if engine:
            scenario = scenario.model_copy(update={"runtime": scenario.runtime.model_copy(update={"engine": engine})})
    else:
        resolved: Resolved = load_scenario(scenario, changes)
        sets = [argument for override in overrides for argument in ("--set", override)]
        engines = ["--engine", engine] if engine else []
        command, scenario = shlex.join(["fedreid", "run", str(scenario), *sets, *engines]), resolved.scenario
    run_dir = create_run(scenario, Path(out) if out else None)
    return _go(run_dir, command or f"fedreid run {run_dir / run_folder.SCENARIO}", progress)


def resume(run_dir: str | Path, *, progress: Progress | None = None) -> RunResult:
    """Go on with a run that was stopped, killed or that failed; it ends with the files of a run that never stopped.

    Raises:
        UserError: not a run folder, or a run that is finished or still going.
    """
    folder = Path(run_dir).absolute()
    if not (folder / run_folder.SCENARIO).is_file():
        raise UserError(f"{run_dir} is not a run folder: it has no {run_folder.SCENARIO}.")
    page = folder / REPORT
    if is_finished(folder) and page.exists():  # it may have been stopped while it wrote the report
        raise UserError(f"{run_dir} is finished. See its report: {page}\n  To write it again: fedreid report {run_dir}")
    return _go(folder, "", progress)


def is_finished(run_dir: Path) -> bool:
    """The run has done all its rounds and its references."""
    try:
        return json.loads((run_dir / run_folder.SUMMARY).read_text())["status"] == "finished"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _go(run_dir: Path, command: str, progress: Progress | None) -> RunResult:
    progress = LoggedProgress(progress or Progress())
    try:
        with run_folder.locked(run_dir), _log_to(run_dir / run_folder.LOG):
            try:
                with tracked(progress, run_dir) as told:
                    return _prepared_run(run_dir, command, told)
            except (UserError, RunError):
                if command and not (run_dir / "checkpoints").exists():
                    _clear(run_dir)  # a new run that came to nothing: the same command works with the mistake mended
                raise
    except OSError as error:
        raise _disk_error(error, run_dir) from error
    finally:
        progress.close()


def _prepared_run(run_dir: Path, command: str, progress: Progress) -> RunResult:
    started = time.perf_counter()
    try:
        setup = set_up(run_dir, progress)
    except KeyboardInterrupt:
        raise Interrupted(run_dir) from None
    scenario = setup.scenario
    engine = scenario.runtime.engine

    def tell(status: str, error: str = "") -> dict[str, Any]:
        seconds = 0.0 if status == "running" else time.perf_counter() - started
        return write_summary(run_dir, status, engine=engine, command=command, seconds=seconds, error=error)

    tell("running")
    for text in without_effect(scenario):
        progress.message(text)
    logger.info(
        "%s: %d clients, %d rounds, engine %s",
        scenario.name,
        setup.data.num_clients,
        scenario.federation.rounds,
        engine,
    )
    try:
        with make_grid(setup, progress) as grid:
            server_app(grid, _server_context(run_dir))
    except KeyboardInterrupt:
        tell("interrupted")
        raise Interrupted(run_dir) from None
    except (UserError, RunError) as error:
        logger.error("%s", error)
        tell("failed", str(error))
        raise
    except Exception as error:
        logger.exception("the run failed")
        with suppress(OSError):  # the disk may be full
            tell("failed", f"{type(error).__name__}: {error}")
        raise
    finally:
        workspace.cache_clear()
    summary = tell("finished")
    return RunResult(run_dir, summary, write_report(run_dir))


def _clear(run_dir: Path) -> None:
    for path in run_dir.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def make_grid(setup: Setup, progress: Progress) -> LocalGrid:
    """The engine that the scenario names. Ray is imported only when it is asked for."""
    runtime, num_clients = setup.scenario.runtime, setup.data.num_clients
    if runtime.engine == "serial":
        from clients.app import app
        from fedreid.simulation.serial import SerialGrid

        return SerialGrid(app, num_clients, progress)
    try:
        from fedreid.simulation.ray_grid import RayGrid
    except ImportError as error:
        raise UserError(
            f"runtime.engine = ray, but ray can't be imported ({error}).\n"
            "  Install it with: pip install 'flwr[simulation]', or use --engine serial."
        ) from error
    progress.stage("starting the workers")
    return RayGrid(
        CLIENT_APP,
        num_clients,
        workers=runtime.workers,
        threads_per_client=runtime.threads_per_client,
        address=runtime.ray_address,
        gpus=choose_device(runtime)[0].type == "cuda",
        must_see=[str(setup.run_dir / run_folder.SCENARIO), *setup.data.cache_folders],
        progress=progress,
    )


def _server_context(run_dir: Path) -> Context:
    return Context(
        run_id=RUN_ID,
        node_id=SERVER_NODE,
        node_config={},
        state=RecordDict(),
        run_config={wire.RUN_DIR: str(run_dir)},
    )


def _disk_error(error: OSError, run_dir: Path) -> Exception:
    where = error.filename or run_dir
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(f"the disk is full ({where}). Free some space, then: fedreid resume {run_dir}")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return UserError(f"can't write {where}: {error.strerror}. Give another --out, or change its permissions.")
    return RunError(f"{type(error).__name__}: {error}. The log is in {run_dir / run_folder.LOG}")


class _LogFile(logging.FileHandler):
    """A log that keeps quiet about a full disk: the run itself meets it too, and says so in one line."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the record."""

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def _log_to(path: Path) -> Iterator[None]:
    """Everything that our loggers say, into the run folder."""
    handler = _LogFile(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    names = ("fedreid", "server", "clients", "flwr")
    loggers = [logging.getLogger(name) for name in names]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.addHandler(handler)
        each.setLevel(logging.DEBUG if each.name != "flwr" else logging.INFO)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.removeHandler(handler)
            each.setLevel(level)
        handler.close()
