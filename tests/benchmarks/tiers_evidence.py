"""Six clients of three budgets on Market-1501: pruned parts of one network against everything else one could do.

Run with: FEDREID_DATA=/path/to/datasets python -m tests.benchmarks.tiers_evidence WORK_FOLDER [--results DIR]

Two runs at a time, one thread each; finished ones are kept, interrupted ones are resumed, so the same command goes on
where it stopped. Takes about half an hour on 2 cores. For a look at the machinery:
--scenario scenarios/twins/pruned-market1501.toml --seeds 1 --results DIR
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.runs import Job, run_all
from tests.benchmarks.tiers_page import write_page
from tests.benchmarks.tools import say

REPOSITORY = Path(__file__).parents[2]
SCENARIO = REPOSITORY / "scenarios" / "pruned-market1501.toml"
RESULTS = REPOSITORY / "results" / "pruned-federation"
QUIET = ("evaluation.local_only=false", "evaluation.every=0", "evaluation.open_set=never")
METHODS = ("fedavg", "fedfr")
# FedFR's settings are those that results/fedfr-market1501 found for the same network and data.
FEDFR = ("method.name=fedfr", "method.contrastive.weight=5.0", "method.branch.weight=1.0")
WHOLE = ("pruning.tiers=[]", "pruning.budgets=[]")
VARIANTS: dict[str, tuple[str, ...]] = {
    "whole": WHOLE,
    "importance": (),
    "impact": ("pruning.criterion=taylor_batchnorm", "pruning.scores=clients"),
    "heterofl": ("pruning.maps=heterofl", "pruning.aggregation_weight=uniform"),
    "smallest": ("pruning.tiers=[0.25]", "pruning.budgets=[]"),
    "strong": (*WHOLE, "federation.participants=[0, 1]"),
}


def jobs_of(scenario: Path, seeds: Sequence[int], overrides: Sequence[str]) -> list[Job]:
    """All runs; seed by seed, so that a page can be made early."""
    return [
        Job(
            f"{method}-{variant}-{seed}",
            scenario,
            (*QUIET, *(FEDFR if method == "fedfr" else ()), *changes, f"seed={seed}", *overrides),
        )
        for seed in seeds
        for method in METHODS
        for variant, changes in VARIANTS.items()
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path, help="folder for the runs; the same again goes on")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scenario", type=Path, default=SCENARIO)
    parser.add_argument("--set", action="append", default=[], dest="overrides", help="of the scenario")
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    work, seeds = chosen.work.absolute(), range(chosen.seeds)
    run_all(jobs_of(chosen.scenario, seeds, chosen.overrides), work, Path(os.environ["FEDREID_DATA"]).absolute())
    say(str(write_page(work / "runs", METHODS, tuple(VARIANTS), seeds, chosen.results)))


if __name__ == "__main__":
    main()
