"""Atomic checkpoints of the server: global arrays, the strategy's own state, and which round they belong to.

Clients save their private state themselves (`clients.state`), a file for each round, under the same folder. A
checkpoint is a folder `checkpoints/round-0003/` that appears whole, by a rename, or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from fedreid.atomic import flush, os_errors
from fedreid.errors import RunError

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """The server after one round.

    Attributes:
        arrays: the global model's shared arrays, by name.
        strategy_arrays, strategy: what the strategy carries between rounds (FedAvg: nothing).
        totals: running sums that the summary needs (seconds, bytes).
        failures: clients that failed and were skipped.
    """

    round: int
    arrays: Mapping[str, np.ndarray]
    strategy_arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    strategy: Mapping[str, Any] = field(default_factory=dict)
    totals: Mapping[str, float] = field(default_factory=dict)
    failures: Sequence[Mapping[str, Any]] = ()


def save_checkpoint(run_dir: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write a checkpoint and drop all but the newest `keep`."""
    os.sync()  # the clients' private states, all at once: one by one would cost each small client a millisecond
    folder = run_dir / "checkpoints"
    final = _path(run_dir, checkpoint.round)
    temporary = folder / f".{final.name}.{os.getpid()}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with os_errors(temporary):
        save_file(_contiguous(checkpoint.arrays), temporary / "global.safetensors")
        if checkpoint.strategy_arrays:
            save_file(_contiguous(checkpoint.strategy_arrays), temporary / "strategy.safetensors")
    state = {
        "format": FORMAT,
        "round": checkpoint.round,
        "strategy": dict(checkpoint.strategy),
        "totals": dict(checkpoint.totals),
        "failures": list(checkpoint.failures),
    }
    (temporary / "state.json").write_text(json.dumps(state, indent=2) + "\n")
    for file in temporary.iterdir():
        flush(file)
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    flush(folder)
    for number in _rounds(run_dir)[:-keep]:
        shutil.rmtree(_path(run_dir, number), ignore_errors=True)
    return final


def _contiguous(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """safetensors writes an array's memory as it lies there, whatever its strides say."""
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def latest_checkpoint(run_dir: Path) -> Checkpoint | None:
    """The newest checkpoint, or None before the first round was finished; clears what a killed run left half written.

    Raises:
        RunError: a checkpoint of another version or one that can't be read, naming it.
    """
    folder = run_dir / "checkpoints"
    for leftover in folder.glob(".round-*.tmp"):
        shutil.rmtree(leftover, ignore_errors=True)
    rounds = _rounds(run_dir)
    if not rounds:
        return None
    path = _path(run_dir, rounds[-1])
    try:
        state = json.loads((path / "state.json").read_text())
        if state["format"] != FORMAT:
            raise RunError(f"{path} has checkpoint format {state['format']}, this version reads {FORMAT}")
        extra = path / "strategy.safetensors"
        return Checkpoint(
            round=state["round"],
            arrays=load_file(path / "global.safetensors"),
            strategy_arrays=load_file(extra) if extra.exists() else {},
            strategy=state["strategy"],
            totals=state["totals"],
            failures=state["failures"],
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunError(
            f"the checkpoint {path} can't be read: {error}\n  Remove that folder to resume from the round before it."
        ) from error


def _rounds(run_dir: Path) -> list[int]:
    return sorted(int(path.name[6:]) for path in (run_dir / "checkpoints").glob("round-*") if path.name[6:].isdigit())


def _path(run_dir: Path, number: int) -> Path:
    return run_dir / "checkpoints" / f"round-{number:04d}"
