"""Federations of tiers under hard conditions: killed in the middle of a round, and on Flower's own engine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import fedreid
from tests.federation.runs import QUICK, same
from tests.federation.test_flower_engine import BIN, ROOT
from tests.federation.test_flower_engine import superlink as superlink  # a fixture

Files = Callable[[Path], dict[str, bytes]]
BUDGETS = "pruning.budgets=[{clients=[1],macs=0.5},{clients=[2],macs=0.25}]"
TIERS = (*QUICK, "federation.rounds=3", "evaluation.open_set=never", "pruning.tiers=[1.0,0.5,0.25]", BUDGETS)
VARIANTS = {
    "tiers": (),
    "clients' scores, again in each round": (
        "pruning.scores=clients", "pruning.criterion=taylor_batchnorm", "pruning.batches=2", "pruning.refresh_rounds=1",
    ),
    "progressive": ("pruning.scores=progressive", "pruning.criterion=l2"),
}  # fmt: skip
SLOW_RUN = """
import sys, time
import fedreid
from fedreid.progress import Progress
class Slow(Progress):
    def round_started(self, round, rounds, clients):
        if round == 2:
            print("round 2", flush=True)
    def client_done(self, client, images, loss):
        time.sleep(0.2)
fedreid.run(sys.argv[1], out=sys.argv[2], engine=sys.argv[3], overrides=sys.argv[4:], progress=Slow())
"""


def with_tiers(files: Files, run_dir: Path) -> dict[str, bytes]:
    paths = [path for path in (run_dir / "tiers").rglob("*") if path.is_file()]
    return files(run_dir) | {str(path.relative_to(run_dir)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("engine", ["serial", "ray"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_kill_9_in_round_2_and_resume_gives_the_same_bits(
    variant: str, engine: str, scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    out, overrides = tmp_path / "killed", [*TIERS, *VARIANTS[variant]]
    whole = fedreid.run(scenario, out=tmp_path / "whole", overrides=overrides).run_dir
    command = [sys.executable, "-c", SLOW_RUN, str(scenario), str(out), engine, *overrides]
    errors = tmp_path / "stderr.txt"
    with (
        errors.open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "round 2", errors.read_text()[-3000:]
        time.sleep(0.3)
        os.killpg(process.pid, signal.SIGKILL)
    assert not (out / "checkpoints" / "round-0002").exists(), "it was killed within the round"
    fedreid.resume(out)
    same(with_tiers(final_files, out), with_tiers(final_files, whole))


@pytest.mark.parametrize("variant", VARIANTS)
def test_flwr_run_gives_the_numbers_of_the_serial_engine(
    variant: str, superlink: dict[str, str], scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    for name in ("clients", "server", "scenarios", "pyproject.toml", "README.md", "LICENSE"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, app / name)
    out, overrides = tmp_path / "flower", [*TIERS, *VARIANTS[variant]]
    config = f'scenario="{scenario}" out="{out}" set="{" ".join(overrides)}"'
    done = subprocess.run(
        [str(BIN / "flwr"), "run", str(app), "test", "--stream", "--run-config", config],
        env=superlink, capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert (out / "report.html").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    serial = fedreid.run(scenario, out=tmp_path / "serial", overrides=overrides).run_dir
    same(with_tiers(final_files, out), with_tiers(final_files, serial))
