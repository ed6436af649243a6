"""By what a run is known: not by its folder's name, but by all that has an influence on its numbers.

So renaming a variant, sorting a file or moving the cache makes no run again, and changing a learning rate always does.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fedreid.comparison.settings import influential
from fedreid.data.locations import dataset_folder
from fedreid.scenario import Scenario

LOCAL_ONLY = "evaluation.local_only"  # adds rows of reference and changes no others
# Tables of [method] that only these methods read; to the others they do nothing.
READ_BY = {
    "method.parts": ("fedfr",), "method.hard_negatives": ("fedfr",), "method.contrastive": ("fedfr",),
    "method.branch": ("fedfr",), "method.fedpav": ("fedpav",), "method.fedprox": ("fedprox",),
    "method.moon": ("moon",), "method.fedper": ("fedper", "fedrep"), "method.fedrep": ("fedrep",),
    "method.ditto": ("ditto",), "method.fedface": ("fedface",),
}  # fmt: skip
# Settings of [aggregation] that these strategies read; the others read none.
READ_BY_STRATEGY = {
    "fedavgm": ("learning_rate", "momentum"), "fedadam": ("learning_rate", "beta_1", "beta_2", "adaptivity"),
    "fedyogi": ("learning_rate", "beta_1", "beta_2", "adaptivity"), "fedadagrad": ("learning_rate", "adaptivity"),
    "qfedavg": ("q",), "fedtrimmedavg": ("trim",), "krum": ("malicious",), "multikrum": ("malicious", "selected"),
    "bulyan": ("malicious",),
}  # fmt: skip
OF_THE_START = ("seed", "data", "partition", "model", "loss", "augment", "sampling", "pretrain", "runtime")
KEY_LENGTH = 12  # hexadecimal digits, 48 bits: two of 1,000 runs are alike by accident once in 500 million times


def content_of(scenario: Scenario) -> dict[str, Any]:
    """What a run's numbers depend on, by dotted key; files stand for what is in them."""
    values = {key: value for key, value in influential(scenario).items() if not _is_unread(key, scenario)}
    values["data.sources"] = list(scenario.data.sources)  # their order is the order of the clients
    values["model.weights"] = _digest(scenario.model.weights)
    values["partition.lists"] = _digest(scenario.partition.lists)
    values["system.trace"] = _digest(scenario.system.trace)
    if scenario.pruning.is_on:
        values["pruning.map_files"] = [_digest(path) for path in scenario.pruning.map_files]
        values["pruning.budgets"] = [
            budget.model_dump(mode="json") | {"latency_table": _digest(budget.latency_table)}
            for budget in scenario.pruning.budgets
        ]
    return values


def run_key(scenario: Scenario) -> str:
    """A hash over a scenario's content: equal for runs that give the same numbers."""
    return _hash(content_of(scenario))


def variant_key(scenario: Scenario) -> str:
    """The same whatever the seed."""
    return _hash({key: value for key, value in content_of(scenario).items() if key != "seed"})


def alone_key(scenario: Scenario) -> str:
    """A hash over what decides how clients do that each train alone.

    They do so by CosFace from the common start, whatever the method and the strategy of their federation.
    """
    ignored = ("method.name", "federation.strategy", "aggregation", *READ_BY)
    return _hash({key: value for key, value in content_of(scenario).items() if not _is_below(key, ignored)})


def start_key(scenario: Scenario) -> str:
    """A hash over what decides the pre-trained start: runs that share it find it in the cache."""
    return _hash({key: value for key, value in content_of(scenario).items() if _is_below(key, OF_THE_START)})


def data_key(scenario: Scenario) -> str:
    """A hash over which images are decoded or rendered into the cache."""
    return _hash({key: value for key, value in content_of(scenario).items() if _is_below(key, ("data",))})


def same_images(one: Scenario, other: Scenario) -> bool:
    """Whether the datasets of two scenarios of equal content are, as far as paths tell, the same files.

    A folder that is gone was moved. One that still is there, and is not the other's, holds other images: a small copy
    that a comparison was tried on must not stand for the whole dataset.
    """
    sources = {} if one.data.synthetic_twin else one.data.sources
    for name, source in sources.items():
        path, path_then = getattr(source, "path", ""), getattr(other.data.sources.get(name), "path", "")
        if not path or not path_then:
            continue
        now, then = dataset_folder(path, one.data), dataset_folder(path_then, other.data)
        if now != then and now.exists() and then.exists() and not now.samefile(then):
            return False
    return True


def files_of(scenario: Scenario) -> list[Path]:
    """The files that a scenario names beside its datasets."""
    settings = scenario.pruning
    named = [scenario.model.weights, scenario.partition.lists, scenario.system.trace, *settings.map_files]
    named += [budget.latency_table for budget in settings.budgets]
    return [_expanded(path) for path in named if path]


def _is_unread(key: str, scenario: Scenario) -> bool:
    """Whether nothing in this federation looks at a setting."""
    if key == LOCAL_ONLY:
        return True
    for table, methods in READ_BY.items():
        if _is_below(key, (table,)):
            return scenario.method.name not in methods
    if _is_below(key, ("aggregation",)):
        return key.removeprefix("aggregation.") not in READ_BY_STRATEGY.get(scenario.federation.strategy, ())
    return (_is_below(key, ("pruning",)) and not scenario.pruning.is_on) or (
        _is_below(key, ("adaptation",)) and not scenario.adaptation.methods
    )


def _is_below(key: str, tables: tuple[str, ...]) -> bool:
    return any(key == table or key.startswith(f"{table}.") for table in tables)


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:KEY_LENGTH]


def _expanded(path: str) -> Path:
    return Path(os.path.expandvars(path)).expanduser()


def _digest(path: str) -> str:
    """What a file holds, or a folder's lists; the path itself where there is nothing (the run will say so)."""
    if not path:
        return ""
    found = _expanded(path)
    if found.is_dir():
        return _hash({file.name: _digest_of(file, *_facts(file)) for file in found.glob("*.csv")})
    return _digest_of(found, *_facts(found)) if found.is_file() else path


def _facts(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=256)
def _digest_of(file: Path, size: int, modified: int) -> str:
    """Read once for each size and time: fifty runs start from the same weights."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
