"""Runs of an experiment that failed, and the file that keeps their reasons."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedreid.comparison.comparison_folder import FAILURES
from fedreid.comparison.run_plan import Step


@dataclass(frozen=True)
class Failure:
    """A run that failed.

    Attributes:
        reason: what it said, in a line or two.
        log: all that it said.
    """

    step: Step
    reason: str
    status: int
    log: Path


def told(failure: Failure, folder: Path) -> dict[str, Any]:
    """What failures.json says of it; paths are relative to the comparison's folder."""
    step = failure.step
    return {
        "variant": step.variant.name,
        "seed": step.seed,
        "key": step.key,
        "reason": failure.reason,
        "exit_status": failure.status,
        "run": str(step.folder.relative_to(folder)),
        "log": str(failure.log.relative_to(folder)),
        "settings": dict(step.variant.own),
    }


def read_failures(folder: Path, steps: Sequence[Step]) -> list[Failure]:
    """The failures of these runs that failures.json tells of; a run that is finished by now has none."""
    try:
        entries = json.loads((folder / FAILURES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    by_key = {(step.variant.name, str(step.seed)): step for step in steps if step.state != "finished"}
    found = []
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and (step := by_key.get((str(entry.get("variant")), str(entry.get("seed"))))):
            log, status = folder / str(entry.get("log", "")), entry.get("exit_status")
            found.append(Failure(step, str(entry.get("reason", "")), status if isinstance(status, int) else 0, log))
    return found
