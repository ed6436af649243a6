"""The reference runs of FedFR on Market-1501: tuning, the ablation over three seeds, sweeps; then the page about them.

Run with: FEDREID_DATA=... python -m tests.benchmarks.fedfr_ablation WORK_FOLDER [tune|main|sweep|page]

Runs that are finished are kept, interrupted ones are resumed, so the same command goes on where it stopped. Two runs at
a time, one thread each. Takes about an hour on 2 cores.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.tools import say

REPOSITORY = Path(__file__).parents[2]
SCENARIO = REPOSITORY / "scenarios" / "fedfr-market1501.toml"
RESULTS = REPOSITORY / "results" / "fedfr-market1501"
SEEDS = (0, 1, 2)
VALIDATION_IDENTITIES, TUNING_SEED = 50, 100
AT_ONCE = 2

HARD = 'method.parts=["public", "hard_negatives"]'
CONTRAST = 'method.parts=["public", "hard_negatives", "contrastive"]'
QUIET = ("evaluation.local_only=false", "evaluation.every=0")


@dataclass(frozen=True)
class Job:
    """One run: its folder's name, and what it changes in the scenario."""

    name: str
    overrides: tuple[str, ...]


def rate(value: float) -> str:
    return f"method.learning_rate={value:g}"


def near(share: float) -> str:
    return f"method.hard_negatives.quantile={share:g}"


# Each method gets four trials, and keeps what the method before it in the table has found.
TRIALS: dict[str, tuple[tuple[str, ...], ...]] = {
    "fedavg": tuple((rate(value),) for value in (0.01, 0.02, 0.04, 0.08)),
    "hard_negatives": (
        (rate(0.01), near(0.05)), (rate(0.02), near(0.05)), (rate(0.04), near(0.05)), (rate(0.04), near(0.1)),
    ),
    "contrastive": tuple((f"method.contrastive.weight={weight:g}",) for weight in (0.5, 1, 2, 5)),
    "fedfr": tuple((f"method.branch.weight={weight:g}",) for weight in (1, 3, 10, 30)),
    "branch_cosface": tuple((f"method.branch.weight={weight:g}",) for weight in (0.1, 0.3, 1, 3)),
    "centralised": tuple((rate(value),) for value in (0.01, 0.02, 0.04, 0.08)),
}  # fmt: skip
BASES: dict[str, tuple[str, ...]] = {
    "fedavg": ("method.name=fedavg",),
    "hard_negatives": (HARD,),
    "contrastive": (CONTRAST,),
    "fedfr": (),
    "branch_cosface": ("method.branch.loss=cosface",),
    # As one trains centrally: with a rate that falls. The mean over clients makes up for that in a federation.
    "centralised": ("method.name=centralised", "method.schedule=cosine"),
}
FOLLOWS = {"contrastive": "hard_negatives", "fedfr": "contrastive", "branch_cosface": "contrastive"}


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


def tuning_data(data: Path, work: Path) -> Path:
    """Market-1501 with 50 of the training identities as query and gallery, by links; the real ones are left out."""
    root = work / "tuning"
    target, source = root / "market1501", data / "market1501" / "bounding_box_train"
    if target.exists():
        return root
    images = sorted(path.name for path in source.glob("*.jpg"))
    people = sorted({name[:4] for name in images})
    held_out = set(random.Random(0).sample(people, VALIDATION_IDENTITIES))
    for part in ("bounding_box_train", "query", "bounding_box_test"):
        (target / part).mkdir(parents=True)
    seen: set[str] = set()
    for name in images:
        part = "bounding_box_train"
        if name[:4] in held_out:
            key = name.split("s")[0]  # identity and camera: the first image of each asks, the others are found
            part = "bounding_box_test" if key in seen else "query"
            seen.add(key)
        (target / part / name).symlink_to(source / name)
    return root


def tune(work: Path, data: Path) -> dict[str, tuple[str, ...]]:
    """The settings of each method that were best on the held-out training identities; written to tuning.json."""
    root = tuning_data(data, work)
    fixed = (
        f"seed={TUNING_SEED}", "partition.public_identities=220", "partition.identities_per_client=18",
        "federation.rounds=2", "evaluation.open_set=never", *QUIET,
    )  # fmt: skip
    run(Job("tune-start", (*fixed, "method.name=fedavg", "federation.rounds=1")), work, root)  # pre-training, once
    chosen: dict[str, tuple[str, ...]] = {}
    rows = []
    for group in (("fedavg", "hard_negatives", "centralised"), ("contrastive",), ("fedfr", "branch_cosface")):
        jobs = []
        for method in group:
            before = chosen.get(FOLLOWS.get(method, ""), ())
            jobs += [
                (method, trial, Job(f"tune-{method}-{number}", (*fixed, *BASES[method], *before, *trial)))
                for number, trial in enumerate(TRIALS[method])
            ]
        run_all((job for _, _, job in jobs), work, root)
        for method in group:
            scores = [
                (summary(work / "runs" / job.name)["final"]["generic/market1501/mAP"], trial)
                for name, trial, job in jobs
                if name == method
            ]
            best = max(scores, key=lambda score: score[0])
            chosen[method] = (*chosen.get(FOLLOWS.get(method, ""), ()), *best[1])
            rows += [
                {"method": method, "trial": trial, "mAP": score, "best": trial == best[1]} for score, trial in scores
            ]
    (work / "tuning.json").write_text(json.dumps({"chosen": chosen, "trials": rows}, indent=1))
    return chosen


def main_jobs(chosen: dict[str, tuple[str, ...]]) -> list[Job]:
    """The rows of tables 7.1 to 7.3, for each seed."""
    jobs = []
    for seed in SEEDS:
        for method, base in BASES.items():
            extra: tuple[str, ...] = QUIET
            if method == "fedavg":
                extra = ("evaluation.every=0",)  # with every client trained alone
            if method == "contrastive":
                extra = (*QUIET, 'adaptation.methods=["fine_tune", "distillation"]')
            jobs.append(Job(f"{method}-{seed}", (f"seed={seed}", *base, *chosen[method], *extra)))
    return jobs


THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
IDENTITIES = (20, 10, 5, 1)


def sweep_jobs(chosen: dict[str, tuple[str, ...]]) -> list[Job]:
    """Figures 7.3 and 7.4 in our setting, one seed."""
    hard = tuple(each for each in chosen["hard_negatives"] if "quantile" not in each)
    jobs = [
        Job(
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
            jobs.append(Job(f"identities-{count}-fedfr", (*chosen["fedfr"], *size)))
        jobs.append(Job(f"identities-{count}-fedface", ("method.name=fedface", *chosen["fedavg"], *size)))
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
