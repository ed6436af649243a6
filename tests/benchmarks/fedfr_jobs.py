"""The runs behind the reference page of FedFR: what each changes in the scenario, and how they are made."""

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

REPOSITORY = Path(__file__).parents[2]
SCENARIO = REPOSITORY / "scenarios" / "fedfr-market1501.toml"
RESULTS = REPOSITORY / "results" / "fedfr-market1501"
SEEDS = (0, 1, 2)
AT_ONCE = 2

HARD = 'method.parts=["public", "hard_negatives"]'
CONTRAST = 'method.parts=["public", "hard_negatives", "contrastive"]'
QUIET = ("evaluation.local_only=false", "evaluation.every=0")
BASES: dict[str, tuple[str, ...]] = {
    "fedavg": ("method.name=fedavg",),
    "hard_negatives": (HARD,),
    "contrastive": (CONTRAST,),
    "fedfr": (),
    "branch_cosface": ("method.branch.loss=cosface",),
    "fine_tune": (CONTRAST, 'adaptation.methods=["fine_tune"]'),
    "distillation": (CONTRAST, 'adaptation.methods=["distillation"]'),
    "fedface": ("method.name=fedface",),
    # As one trains centrally: with a rate that falls. The mean over clients makes up for that in a federation.
    "centralised": ("method.name=centralised", "method.schedule=cosine"),
}


@dataclass(frozen=True)
class Job:
    """One run: its folder's name, and what it changes in the scenario."""

    name: str
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
        command += ["run", str(SCENARIO), "--out", str(out), *sets]
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
