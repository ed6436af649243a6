"""Federations that a results page is made of: each run in a process of its own, kept when finished, else resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.tools import say

AT_ONCE = 2


@dataclass(frozen=True)
class Job:
    """One run: its folder's name, and what it changes in a scenario."""

    name: str
    scenario: Path
    overrides: tuple[str, ...]


def run_all(jobs: Iterable[Job], work: Path, data: Path) -> None:
    """Run what isn't finished, two at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(lambda job: run(job, work, data), list(jobs)):
            pass


def run(job: Job, work: Path, data: Path) -> None:
    """One run in a process of its own, unless it is finished.

    Raises:
        RuntimeError: it failed; its log is beside its folder.
    """
    out = work / "runs" / job.name
    if is_finished(out):
        return
    command = [sys.executable, "-m", "fedreid.cli"]
    if (out / "scenario.toml").exists():
        command += ["resume", str(out)]
    else:
        sets = [argument for override in job.overrides for argument in ("--set", override)]
        command += ["run", str(job.scenario), "--out", str(out), *sets]
    environment = os.environ | {
        "FEDREID_DATA": str(data), "FEDREID_CACHE": str(work / "cache"), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    log = work / "runs" / f"{job.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        status = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if status:
        raise RuntimeError(f"{job.name} ended with status {status}, see {log}:\n{log.read_text()[-2000:]}")
    say(f"{job.name}: {summary(out)['timing']['total_seconds']:.0f} s")


def is_finished(out: Path) -> bool:
    return (out / "summary.json").exists() and summary(out)["status"] == "finished"


def summary(out: Path) -> dict:
    return json.loads((out / "summary.json").read_text())
