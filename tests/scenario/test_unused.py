"""A setting that is changed and that nothing reads is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedreid.scenario import load_scenario
from fedreid.scenario.unused import without_effect

PEOPLE = '[data.sources.people]\nformat = "synthetic"\n'


def told(tmp_path: Path, *overrides: str) -> list[str]:
    path = tmp_path / "shop.toml"
    path.write_text(PEOPLE)
    return without_effect(load_scenario(path, overrides).scenario)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            ["method.hard_negatives.select=quantile", "method.hard_negatives.threshold=0.6"],
            "method.hard_negatives.threshold = 0.6 has no effect: select = 'quantile'",
        ),
        (
            ["method.hard_negatives.quantile=0.2"],
            "method.hard_negatives.quantile = 0.2 has no effect: select = 'threshold'",
        ),
        (["loss.triplet=weighted", "loss.triplet_margin=0.5"], "loss.triplet_margin = 0.5 has no effect"),
        (["sampling.images=8"], "sampling.images = 8 has no effect: sampling.identities = 0"),
        (["method.milestones=[0.9]"], "method.milestones = (0.9,) has no effect: method.schedule = 'constant'"),
        (["faithful.drop_last=true"], "faithful.drop_last = True has no effect: without public images"),
        (
            ["pruning.tiers=[1.0]", "pruning.aggregation_weight=uniform"],
            "pruning.aggregation_weight = 'uniform' has no effect: pruning.tiers = [1.0]",
        ),
        (["faithful.random_previous=true"], "faithful.random_previous = True has no effect"),
    ],
)
def test_a_setting_that_nothing_reads_is_told(tmp_path: Path, overrides: list[str], line: str) -> None:
    found = told(tmp_path, *overrides)
    assert len(found) == 1
    assert found[0].startswith(line)


def test_settings_that_are_read_and_defaults_are_not(tmp_path: Path) -> None:
    assert told(tmp_path) == []
    assert told(tmp_path, "method.name=fedfr", "faithful.drop_last=true", "method.hard_negatives.threshold=0.6") == []
