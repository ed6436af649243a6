"""Accuracy against multiplications: criteria, schedules and dense networks on Market-1501, from one trained backbone.

Run with: FEDREID_DATA=/path/to/datasets python -m tests.benchmarks.pruning_evidence WORK_FOLDER

Stopped, it goes on where it was: trained networks and finished rows (rows.csv) stay in the work folder. With the
defaults (ResNet-10 at a quarter of its width, 64 x 32, 4 targets, 64 networks) about an hour on 2 cores; for a look at
the machinery: --set data.synthetic_twin=true --set pretrain.epochs=1 --fine-tune 1 --targets 50 --seeds 1 --results DIR
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fedreid.data.locations import cache_folder, data_root
from fedreid.scenario import load_scenario, pinned
from tests.benchmarks.pruning_jobs import Plan, jobs_of, prepare, run, write_scenario
from tests.benchmarks.pruning_page import write_page
from tests.benchmarks.tools import say

REPOSITORY = Path(__file__).parents[2]
SCENARIO = REPOSITORY / "scenarios" / "fedfr-market1501.toml"
RESULTS = REPOSITORY / "results" / "pruning-market1501"
PLAIN = ("method.name=fedavg", "name=pruning-market1501", "description=One backbone, pruned in many ways.")


def plan_of(arguments: Sequence[str] | None = None) -> tuple[Plan, Path]:
    """(what to do, where the page goes)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for networks and rows; the same again goes on")
    parser.add_argument("--targets", type=int, nargs="+", default=[75, 50, 33, 25], help="percent of the MACs")
    parser.add_argument("--seeds", type=int, default=3, help="for CAIE, L1 and uniform; others get one")
    parser.add_argument("--fine-tune", type=int, default=8, help="epochs after pruning")
    parser.add_argument("--at-once", type=int, default=2, help="networks at once, each on one thread")
    parser.add_argument("--set", action="append", default=[], dest="overrides", help="of the scenario")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    scenario = load_scenario(SCENARIO, [*PLAIN, *chosen.overrides]).scenario
    scenario = pinned(scenario, root=data_root(scenario.data), cache=cache_folder(scenario.data))
    plan = Plan(
        scenario=scenario,
        work=chosen.work.absolute(),
        targets=tuple(sorted(chosen.targets, reverse=True)),
        seeds=tuple(range(chosen.seeds)),
        fine_tune=chosen.fine_tune,
        at_once=chosen.at_once,
    )
    return plan, chosen.results


def main(arguments: Sequence[str] | None = None) -> pd.DataFrame:
    """Train, prune, and write the page."""
    plan, results = plan_of(arguments)
    write_scenario(plan)
    prepare(plan)
    rows = run(plan, jobs_of(plan))
    say(f"{write_page(rows, plan, results)}")
    return rows


if __name__ == "__main__":
    main()
