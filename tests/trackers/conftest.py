"""Run folders made by hand, as far as trackers read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fedreid.scenario import Scenario, to_toml
from fedreid.scenario.schema import DataSettings
from fedreid.scenario.source_schema import SyntheticSource
from fedreid.scenario.tracking_schema import TrackingSettings
from fedreid.trackers import TrackedRun

Failures = list[tuple[str, str]]

# Two clients, rounds 0 to 2; the second one isn't in round 2.
METRICS = """\
round,scope,client,dataset,metric,value
0,generic,,shop,mAP,10.0
0,generic,,shop,queries,7
0,personalized,0,shop,mAP,20.0
0,personalized,1,shop,mAP,40.0
1,train,0,,loss,3.0
1,train,1,,loss,4.0
1,cost,0,,bytes_up,100
1,cost,1,,bytes_up,300
1,generic,,shop,mAP,12.5
1,generic,,shop,TAR@FAR=1e-4,0.5
1,personalized,0,shop,mAP,30.0
1,personalized,1,shop,mAP,50.0
2,train,0,,loss,1.0
2,cost,0,,bytes_up,100
2,generic,,shop,mAP,25.0
2,generic,,shop,TAR@FAR=1e-4,nan
2,personalized,0,shop,mAP,60.0
"""
SERIES = {  # by name: (round, figure), from the rows above with pencil and paper
    "generic/shop/mAP": [(0, 10.0), (1, 12.5), (2, 25.0)],
    "personalized/shop/mAP": [(0, 30.0), (1, 40.0), (2, 55.0)],
    "generic/shop/TAR@FAR=1e-4": [(1, 0.5), (2, None)],
    "train/loss": [(1, 3.5), (2, 1.0)],
    "cost/bytes_up": [(1, 400.0), (2, 100.0)],
}
REFERENCES = """\
reference,scope,client,dataset,metric,value
local_only,personalized,0,shop,mAP,10.0
local_only,personalized,1,shop,mAP,15.0
local_only,personalized,1,shop,queries,9
"""
TOTALS = {"timing/total_seconds": 8.0, "traffic/bytes_up": 500.0, "local_only/personalized/shop/mAP": 12.5}


def write_rounds(folder: Path, last: int, status: str = "running") -> None:
    """Let the run in a folder be at a round: its rows, its checkpoint and its summary."""
    header, *rows = METRICS.splitlines(keepends=True)
    (folder / "metrics.csv").write_text("".join([header, *(row for row in rows if int(row[0]) <= last)]))
    (folder / "checkpoints" / f"round-{last:04d}").mkdir(parents=True, exist_ok=True)
    summary = {
        "status": status,
        "rounds_planned": 2,
        "timing": {"total_seconds": 8.0},
        "traffic": {"bytes_up": 500},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    if status == "finished":
        (folder / "references.csv").write_text(REFERENCES)
        (folder / "report.html").write_text("<p>report</p>")


def as_run(folder: Path, to: Sequence[str] = (), **tracking: str) -> TrackedRun:
    """A run folder with its scenario in it."""
    scenario = Scenario(
        name="shop",
        description="two cameras",
        data=DataSettings(sources={"shop": SyntheticSource(format="synthetic")}),
        tracking=TrackingSettings(to=tuple(to), **tracking),
    )
    folder.mkdir(exist_ok=True)
    (folder / "scenario.toml").write_text(to_toml(scenario))
    return TrackedRun(folder, scenario)


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    """A run that hasn't begun."""
    return as_run(tmp_path / "monday")


@pytest.fixture
def finished(run: TrackedRun) -> TrackedRun:
    """A run of two rounds, done."""
    write_rounds(run.path, 2, "finished")
    return run


Follow = Callable[..., None]


@pytest.fixture
def nothing_fails() -> Callable[[object, Exception], None]:
    """For trackers of which none may fail."""

    def fail(_: object, error: Exception) -> None:
        raise error

    return fail
