"""What an offline run of Weights & Biases holds, as dictionaries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fedreid.trackers.wandb_file import records


def history(folder: Path) -> list[dict[str, Any]]:
    """What was logged, a dictionary for each step; names that start with "_" are the library's own."""
    found = [record.history for record in records(folder) if record.WhichOneof("record_type") == "history"]
    return [{_key(item): json.loads(item.value_json) for item in each.item} for each in found]


def summary(folder: Path) -> dict[str, Any]:
    """The last value of each name."""
    found = [record.summary for record in records(folder) if record.WhichOneof("record_type") == "summary"]
    return {_key(item): json.loads(item.value_json) for each in found for item in each.update}


def config(folder: Path) -> dict[str, Any]:
    """The settings of the run."""
    (run,) = [record.run for record in records(folder) if record.WhichOneof("record_type") == "run"]
    return {_key(item): json.loads(item.value_json) for item in run.config.update}


def identity(folder: Path) -> tuple[str, str, str]:
    """Id, project and name."""
    (run,) = [record.run for record in records(folder) if record.WhichOneof("record_type") == "run"]
    return run.run_id, run.project, run.display_name


def exit_code(folder: Path) -> int | None:
    """Of a run that was closed."""
    found = [record.exit.exit_code for record in records(folder) if record.WhichOneof("record_type") == "exit"]
    return found[-1] if found else None


def files(folder: Path) -> set[str]:
    """Names of the files that go with the run."""
    found = [record.files.files for record in records(folder) if record.WhichOneof("record_type") == "files"]
    return {item.path for each in found for item in each}


def _key(item: Any) -> str:
    return "/".join(item.nested_key) if item.nested_key else item.key
