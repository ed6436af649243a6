"""The reference runs of FedFR on Market-1501: tuning, the ablation over three seeds, sweeps; then the page about them.

Run with: FEDREID_DATA=... python -m tests.benchmarks.fedfr_ablation WORK_FOLDER [tune|main|sweep|page]

Runs that are finished are kept, interrupted ones are resumed, so the same command goes on where it stopped. Two runs at
a time, one thread each. Takes about an hour and a half on 2 cores.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.fedfr_jobs import BASES, HARD, QUIET, RESULTS, SEEDS, fedfr_job
from tests.benchmarks.fedfr_tuning import tune
from tests.benchmarks.runs import Job, run_all


def main_jobs(chosen: dict[str, tuple[str, ...]]) -> list[Job]:
    """The rows of tables 7.1 to 7.3, for each seed."""
    jobs = []
    for seed in SEEDS:
        for method, base in BASES.items():
            if method == "fedface":
                continue  # in the sweep over identities
            extra = QUIET if method != "fedavg" else ("evaluation.every=0",)  # with every client trained alone
            jobs.append(fedfr_job(f"{method}-{seed}", (f"seed={seed}", *base, *chosen[method], *extra)))
    return jobs


THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
IDENTITIES = (20, 10, 5, 1)


def sweep_jobs(chosen: dict[str, tuple[str, ...]]) -> list[Job]:
    """Figures 7.3 and 7.4 in our setting, one seed."""
    hard = tuple(each for each in chosen["hard_negatives"] if "quantile" not in each)
    jobs = [
        fedfr_job(
            f"threshold-{threshold}",
            (
                HARD, *hard, "method.hard_negatives.select=threshold", f"method.hard_negatives.threshold={threshold}",
                "federation.rounds=3", "method.epochs=1", "evaluation.open_set=never", *QUIET,
            ),
        )
        for threshold in reversed(THRESHOLDS)
    ]  # fmt: skip
    for count in IDENTITIES:
        size = (f"partition.identities_per_client={count}", "partition.public_identities=250", *QUIET)
        if count != IDENTITIES[0]:
            jobs.append(fedfr_job(f"identities-{count}-fedfr", (*chosen["fedfr"], *size)))
        jobs.append(fedfr_job(f"identities-{count}-fedface", (*BASES["fedface"], *chosen["fedface"], *size)))
    return jobs


def main(arguments: Sequence[str]) -> None:
    """Do the named steps, or all."""
    work, data = Path(arguments[0]).absolute(), Path(os.environ["FEDREID_DATA"]).absolute()
    steps = arguments[1:] or ["tune", "main", "sweep", "page"]
    if "tune" in steps:
        tune(work, data)
    chosen = {name: tuple(each) for name, each in json.loads((work / "tuning.json").read_text())["chosen"].items()}
    if "main" in steps:
        run_all(main_jobs(chosen), work, data)
    if "sweep" in steps:
        run_all(sweep_jobs(chosen), work, data)
    if "page" in steps:
        from tests.benchmarks.fedfr_page import write_page

        write_page(work, RESULTS)


if __name__ == "__main__":
    main(sys.argv[1:])
