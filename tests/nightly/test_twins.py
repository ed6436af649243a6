"""Every scenario that needs a dataset works from end to end on its synthetic twin: minutes, `make nightly`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import fedreid
from fedreid.scenario import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TWINS = sorted((SCENARIOS / "twins").glob("*.toml"))


def test_every_scenario_of_published_datasets_has_a_twin() -> None:
    needs_data = {
        path.stem
        for path in SCENARIOS.glob("*.toml")
        if any(source.format != "synthetic" for source in load_scenario(path).scenario.data.sources.values())
    }
    without = {"own-photos", "fedfr-market1501", "market1501-fedavg"}  # a template; run on real images by other tests
    assert {path.stem for path in TWINS} == needs_data - without


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("path", TWINS, ids=lambda path: path.stem)
def test_twin(path: Path, tmp_path: Path, cache: Path) -> None:
    result = fedreid.run(path, overrides=[f"data.cache={cache}"], out=tmp_path / "run")
    assert result.summary["status"] == "finished"
    scenario = load_scenario(path).scenario
    scores = pd.Series(result.final)
    assert scores.between(0, 100).loc[[key for key in scores.index if key.endswith(("mAP", "rank1"))]].all()
    tested = {key.split("/")[1] for key in result.final if key.startswith("generic/")}
    if scenario.partition.by == "dataset":
        assert tested == set(scenario.data.sources)
        clients = {row["dataset"] for row in result.summary["data"]["clients"]}
        assert clients == {name for name, source in scenario.data.sources.items() if source.role == "clients"}
    else:
        assert tested
    assert result.report.exists()
