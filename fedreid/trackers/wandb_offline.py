"""Weights & Biases, offline: files in RUN/wandb that `wandb sync` can send, if and when somebody wants it.

The library writes a run's rounds late and a kill loses some, and it never adds to an offline run. So a run that goes on
is written again, from its first round and under the same id: there is one folder, and it holds the whole run.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

os.environ["WANDB_ERROR_REPORTING"] = "false"  # its own failures are nobody's business either

import wandb

from fedreid.trackers.tracker import Bookmark, Figures, TrackedRun, Tracker, place_of
from fedreid.trackers.wandb_file import written

FOLDER = "wandb"  # the library's own name
ERROR_STATUS = 1
PATIENCE = 200  # looks at the file, 0.05 seconds apart


class WandbOffline(Tracker):
    """One offline run; nothing of the machine, the program or the terminal is recorded."""

    name = "wandb"

    def holds(self, run: TrackedRun, bookmark: Bookmark) -> bool:
        return bool(_folders(run, bookmark.run))

    def start(self, run: TrackedRun, before: Bookmark) -> Bookmark:
        run_id = before.run or uuid.uuid4().hex[:16]
        for folder in _folders(run, run_id):
            shutil.rmtree(folder)
        settings = wandb.Settings(
            mode="offline",
            root_dir=str(run.path),
            console="off",  # the terminal is the live view's
            silent=True,
            disable_git=True,
            disable_job_creation=True,
            save_code=False,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        self.run = wandb.init(
            id=run_id,
            project=run.project,
            name=run.title,
            notes=run.scenario.description or None,
            config=dict(run.parameters),
            reinit="create_new",  # a program that calls us may have a run of its own
            settings=settings,
        )
        self.folder, self.round = Path(self.run.dir).parent, -1
        return Bookmark(place_of(run.path / FOLDER, run.path), run_id)

    def log(self, round: int, figures: Figures) -> None:
        self.run.log(dict(figures), step=round, commit=True)
        self.round = round

    def finish(self, status: str, totals: Figures, artifacts: Sequence[Path]) -> None:
        self.run.summary.update(dict(totals))
        for path in artifacts:
            copy = shutil.copy(path, self.run.dir)  # of a file elsewhere the library keeps a link
            self.run.save(copy, base_path=self.run.dir, policy="now")
        self.run.finish(exit_code=0 if status == "finished" else ERROR_STATUS)
        self._check()

    def _check(self) -> None:
        """The library's own process closes the file a few milliseconds later, or never, where the disk is full."""
        for _ in range(PATIENCE):
            step, is_closed = written(self.folder)
            if is_closed:
                break
            time.sleep(0.05)
        if not is_closed or step < self.round:
            raise OSError(f"{self.folder} ends with round {step} of {self.round}: was the disk full?")

    @property
    def command(self) -> str:
        return f"wandb sync {self.folder}"


def _folders(run: TrackedRun, run_id: str) -> list[Path]:
    return list((run.path / FOLDER).glob(f"offline-run-*-{run_id}")) if run_id else []
