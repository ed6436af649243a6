"""A scenario as text: the complete file that repeats a run, and the rows of `fedreid scenario show`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tomli_w
from pydantic.fields import FieldInfo

from fedreid.scenario.fields import toml_value
from fedreid.scenario.load import Resolved
from fedreid.scenario.pruning_schema import PruningSettings
from fedreid.scenario.schema import Scenario, Settings


class Row(NamedTuple):
    """A setting as `fedreid scenario show` prints it."""

    key: str
    value: str  # as TOML
    origin: str  # "default", "FILE:LINE" or "--set"
    description: str


def to_toml(scenario: Scenario) -> str:
    """The scenario with every default written out; loading it gives an equal scenario."""
    return tomli_w.dumps(scenario.model_dump(mode="json"))


def pinned(scenario: Scenario, *, root: Path, cache: Path) -> Scenario:
    """The scenario with its folders, lists and weights file made absolute, so that it means the same from any folder.

    Args:
        root: what `data.root` stands for here (it may be empty, or name an environment variable).
        cache: what `data.cache` stands for here.
    """
    model = scenario.model.model_copy(update={"weights": _absolute(scenario.model.weights)})
    partition = scenario.partition.model_copy(update={"lists": _absolute(scenario.partition.lists)})
    system = scenario.system.model_copy(update={"trace": _absolute(scenario.system.trace)})
    store = _absolute(scenario.tracking.mlflow_folder)
    tracking = scenario.tracking.model_copy(update={"mlflow_folder": store})
    data = scenario.data.model_copy(update={"root": str(root.absolute()), "cache": str(cache.absolute())})
    pruning = _pinned_pruning(scenario.pruning)
    changed = {"data": data, "model": model, "partition": partition, "system": system, "tracking": tracking,
               "pruning": pruning}  # fmt: skip
    return scenario.model_copy(update=changed)


def _pinned_pruning(pruning: PruningSettings) -> PruningSettings:
    """With absolute paths of maps and latency tables."""
    budgets = tuple(
        budget.model_copy(update={"latency_table": _absolute(budget.latency_table)}) for budget in pruning.budgets
    )
    return pruning.model_copy(update={"budgets": budgets, "map_files": tuple(map(_absolute, pruning.map_files))})


def _absolute(path: str) -> str:
    return path and str(Path(os.path.expandvars(path)).expanduser().absolute())


def describe(resolved: Resolved) -> list[Row]:
    """Every setting, its value, where the value came from and what it does, in the order of the schema."""
    return [
        Row(key, toml_value(value), resolved.origins.get(key, "default"), field.description or "")
        for key, value, field in _values(resolved.scenario)
    ]


def _values(settings: Settings, prefix: str = "") -> Iterator[tuple[str, Any, FieldInfo]]:
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            yield from _values(value, f"{prefix}{name}.")
        elif isinstance(value, dict):
            for key, source in value.items():
                yield from _values(source, f"{prefix}{name}.{key}.")
        else:
            yield prefix + name, value, field
