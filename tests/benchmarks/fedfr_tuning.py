"""Settings for the reference runs of FedFR: twelve trials for each method, on people whom the real runs don't meet.

FedFR's parts are tuned one after another, each keeping what the part before it has found: 4 + 4 + 4 trials. So are the
other ways to personalize the same federation. FedAvg, FedFace and centralised training get twelve of their own.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from tests.benchmarks.fedfr_jobs import BASES, QUIET, fedfr_job
from tests.benchmarks.runs import Job, run, run_all, summary

VALIDATION_IDENTITIES, TUNING_SEED = 50, 100
Trial = tuple[str, ...]


def rate(value: float) -> str:
    return f"method.learning_rate={value:g}"


def decay(value: float) -> str:
    return f"method.weight_decay={value:g}"


def near(share: float) -> str:
    return f"method.hard_negatives.quantile={share:g}"


COSINE, CONSTANT = "method.schedule=cosine", "method.schedule=constant"
EPOCHS = tuple((f"adaptation.epochs={epochs}",) for epochs in (1, 2, 4, 8))
TRIALS: dict[str, tuple[Trial, ...]] = {
    "fedavg": (
        *((rate(value),) for value in (0.01, 0.02, 0.04, 0.08, 0.16)),
        *((rate(value), COSINE) for value in (0.04, 0.08, 0.16)),
        (rate(0.04), decay(1e-4)), (rate(0.04), decay(2e-3)), (rate(0.08), decay(2e-3)),
        (rate(0.08), "method.momentum=0.8"),
    ),
    "centralised": (
        *((rate(value),) for value in (0.01, 0.02, 0.04, 0.08, 0.16, 0.32)),
        *((rate(value), CONSTANT) for value in (0.01, 0.02, 0.04)),
        (rate(0.08), decay(1e-4)), (rate(0.08), decay(2e-3)), (rate(0.16), decay(2e-3)),
    ),
    "fedface": (
        *((rate(value),) for value in (0.01, 0.02, 0.04, 0.08)),
        *((rate(value), f"method.fedface.learning_rate={own:g}") for value in (0.02, 0.04) for own in (0.001, 0.1)),
        *((rate(0.04), f"method.fedface.threshold={value:g}") for value in (0.2, 0.6)),
        *((rate(0.04), f"method.fedface.steps={steps}") for steps in (5, 80)),
    ),
    "hard_negatives": (
        (rate(0.01), near(0.05)), (rate(0.02), near(0.05)), (rate(0.04), near(0.05)), (rate(0.04), near(0.1)),
    ),
    "contrastive": tuple((f"method.contrastive.weight={weight:g}",) for weight in (0.5, 1, 2, 5)),
    "fedfr": tuple((f"method.branch.weight={weight:g}",) for weight in (1, 3, 10, 30)),
    "branch_cosface": tuple((f"method.branch.weight={weight:g}",) for weight in (0.1, 0.3, 1, 3)),
    "fine_tune": EPOCHS,
    "distillation": EPOCHS,
}  # fmt: skip
GROUPS = (
    ("fedavg", "hard_negatives", "centralised", "fedface"),
    ("contrastive",),
    ("fedfr", "branch_cosface", "fine_tune", "distillation"),
)
FOLLOWS = {"contrastive": "hard_negatives"} | dict.fromkeys(GROUPS[2], "contrastive")


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


def tune(work: Path, data: Path) -> dict[str, Trial]:
    """The best settings of each method; written to tuning.json with all trials."""
    root = tuning_data(data, work)
    fixed = (
        f"seed={TUNING_SEED}", "partition.public_identities=220", "partition.identities_per_client=18",
        "federation.rounds=2", "evaluation.open_set=never", *QUIET,
    )  # fmt: skip
    run(
        fedfr_job("tune-start", (*fixed, "method.name=fedavg", "federation.rounds=1")), work, root
    )  # pre-training, once
    chosen: dict[str, Trial] = {}
    rows = []
    for group in GROUPS:
        jobs: dict[tuple[str, Trial], Job] = {}
        for method in group:
            before = chosen.get(FOLLOWS.get(method, ""), ())
            for number, trial in enumerate(TRIALS[method]):
                settings = (*fixed, *BASES[method], *before, *trial)
                jobs[method, trial] = fedfr_job(f"tune-{method}-{number}", settings)
        run_all(jobs.values(), work, root)
        for method in group:
            found = [(trial, *scores(work / "runs" / jobs[method, trial].name, method)) for trial in TRIALS[method]]
            best = max(found, key=lambda each: fmean(each[1:]))
            chosen[method] = (*chosen.get(FOLLOWS.get(method, ""), ()), *best[0])
            rows += [
                {"method": method, "trial": trial, "generic": one, "personalized": two, "best": trial == best[0]}
                for trial, one, two in found
            ]
    (work / "tuning.json").write_text(json.dumps({"chosen": chosen, "trials": rows}, indent=1))
    return chosen


def scores(folder: Path, method: str) -> tuple[float, float]:
    """Generic and personalized mAP at the end of a trial; what a second stage adds is in references.csv."""
    final = summary(folder)["final"]
    own = final["personalized/market1501/mAP"]
    if method in ("fine_tune", "distillation"):
        with (folder / "references.csv").open(newline="") as file:
            own = fmean(
                float(row["value"])
                for row in csv.DictReader(file)
                if (row["reference"], row["scope"], row["metric"]) == (method, "personalized", "mAP")
            )
    return final["generic/market1501/mAP"], own


def tuning_rows(work: Path) -> Sequence[list[str]]:
    """Every trial, for the page."""
    trials = json.loads((work / "tuning.json").read_text())["trials"]
    return [
        [
            trial["method"], ", ".join(trial["trial"]), f"{trial['generic']:.2f}", f"{trial['personalized']:.2f}",
            "chosen" if trial["best"] else "",
        ]
        for trial in trials
    ]  # fmt: skip
