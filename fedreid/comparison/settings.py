"""Which settings of a scenario have an influence on its numbers."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from fedreid.scenario.files import flatten
from fedreid.scenario.schema import Scenario

# How a run is called, where its files lie, how its work is spread: equal runs may differ in these.
WITHOUT_INFLUENCE = (
    "name", "description", "data.root", "data.cache", "runtime.engine", "runtime.workers", "runtime.ray_address",
    "runtime.keep_checkpoints",
)  # fmt: skip
SECTIONS_WITHOUT_INFLUENCE = ("report.", "tracking.")  # what is told of a run, and to whom


def influential(scenario: Scenario) -> dict[str, Any]:
    """Every setting that has an influence on the numbers, the seed among them, by its dotted key.

    Of a source's path only the last name counts: the same dataset lies elsewhere on another machine. Whether two runs
    saw the same images is told by their splits (`fedreid.comparison.comparability`).
    """
    values = dict(flatten(scenario.model_dump(mode="json")))
    return {
        key: PurePath(value).name if key.startswith("data.sources.") and key.endswith(".path") else value
        for key, value in values.items()
        if key not in WITHOUT_INFLUENCE and not key.startswith(SECTIONS_WITHOUT_INFLUENCE)
    }
