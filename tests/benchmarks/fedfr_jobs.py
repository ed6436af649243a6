"""The runs behind the reference page of FedFR: what each changes in the scenario."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.runs import Job

REPOSITORY = Path(__file__).parents[2]
SCENARIO = REPOSITORY / "scenarios" / "fedfr-market1501.toml"
RESULTS = REPOSITORY / "results" / "fedfr-market1501"
SEEDS = (0, 1, 2)

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


def fedfr_job(name: str, overrides: tuple[str, ...]) -> Job:
    """One run of this scenario."""
    return Job(name, SCENARIO, overrides)
