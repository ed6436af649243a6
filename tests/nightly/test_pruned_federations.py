"""Federations of tiers under hard conditions: killed in the middle of a round, and on Flower's own engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fedreid
from tests.federation.runs import QUICK, kill_in_round_2, same
from tests.federation.test_flower_engine import run_on_flower
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
    kill_in_round_2(scenario, out, overrides, engine=engine)
    fedreid.resume(out)
    same(with_tiers(final_files, out), with_tiers(final_files, whole))


@pytest.mark.parametrize("variant", VARIANTS)
def test_flwr_run_gives_the_numbers_of_the_serial_engine(
    variant: str, superlink: dict[str, str], scenario: Path, tmp_path: Path, final_files: Files
) -> None:
    out, overrides = tmp_path / "flower", [*TIERS, *VARIANTS[variant]]
    run_on_flower(superlink, scenario, out, overrides, tmp_path / "app")
    serial = fedreid.run(scenario, out=tmp_path / "serial", overrides=overrides).run_dir
    same(with_tiers(final_files, out), with_tiers(final_files, serial))
