"""summary.json: a run in one file, for scripts and for the report."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean
from typing import Any

from fedreid import run_folder, wire
from fedreid.atomic import write_atomically
from server.checkpoints import latest_checkpoint
from server.records import Records
from server.setup import Setup

PACKAGES = ("fedreid", "torch", "flwr", "ray", "numpy")


def write_summary(
    run_dir: Path, status: str, *, engine: str, command: str, seconds: float, error: str = ""
) -> dict[str, Any]:
    """Write what is known now; called when a run starts, ends, stops or fails.

    Args:
        status: "running", "finished", "interrupted" or "failed".
        seconds: wall time since the run or its resumption started; earlier ones are added.
    """
    path = run_dir / run_folder.SUMMARY
    seconds_before, command_before = _before(path)
    setup = Setup.open(run_dir)
    checkpoint = latest_checkpoint(run_dir)
    totals = dict(checkpoint.totals) if checkpoint else {}
    final, best_round = final_metrics(run_dir)
    phase = totals.get("train_phase_seconds", 0.0)
    summary = {
        "name": setup.scenario.name,
        "description": setup.scenario.description,
        "seed": setup.scenario.seed,
        "status": status,
        "error": error,
        "rounds": checkpoint.round if checkpoint else 0,
        "rounds_planned": setup.scenario.federation.rounds,
        "engine": engine,
        "final": final,
        "best_round": best_round,
        "data": setup.data.summary,
        "timing": {
            "total_seconds": seconds_before + seconds,
            **setup.facts["timing"],
            "train_phase_seconds": phase,
            "training_seconds": totals.get("training_seconds", 0.0),
            "evaluate_seconds": totals.get("evaluate_seconds", 0.0),
            "images_per_second": totals.get("images", 0) / phase if phase else 0.0,
        },
        "traffic": {key: int(totals.get(key, 0)) for key in ("bytes_down", "bytes_up")},
        "costs": {key: totals.get(key, 0.0) for key in ("macs", "joules", "simulated_seconds")},
        "model": _model_facts(setup, checkpoint.arrays if checkpoint else {}),
        "pretrain": setup.facts["pretrain"],
        "batchnorm": setup.scenario.batchnorm,
        "failures": list(checkpoint.failures) if checkpoint else [],
        "digests": run_folder.digests(run_dir) if status == "finished" else {},
        "versions": versions(),
        "command": command or command_before or f"fedreid run {run_dir / run_folder.SCENARIO}",
    }
    write_atomically(path, lambda temporary: temporary.write_text(json.dumps(summary, indent=2) + "\n"))
    return summary


def _before(path: Path) -> tuple[float, str]:
    """Seconds and command of an earlier summary; one that is damaged is written anew, without them."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        return float(before.get("timing", {}).get("total_seconds", 0.0)), str(before.get("command") or "")
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return 0.0, ""


def final_metrics(run_dir: Path) -> tuple[dict[str, float], int | None]:
    """Final scores by their public names, and the round with the best generic mAP.

    Generic: the last evaluated round. Personalized: the mean over clients, each with its own last evaluation, since a
    round may leave clients out; the start counts only where nothing was scored after it. The best round is for
    orientation only: the model that is kept is the last one, chosen by no test image.
    """
    rows = Records(run_dir).metrics.rows()
    scored = [row for row in rows if row["scope"] in ("generic", "personalized") and not is_count(row["metric"])]
    trained = {key_of(row) for row in scored if row["round"] != "0"}
    final: dict[str, float] = {}
    for scope in ("generic", "personalized"):
        last: dict[tuple[str, str], float] = {}  # by name and client; rows come in the order of rounds
        for row in scored:
            if row["scope"] == scope and (row["round"] != "0" or key_of(row) not in trained):
                last[f"{scope}/{row['dataset']}/{row['metric']}", row["client"]] = float(row["value"])
        values: dict[str, list[float]] = defaultdict(list)
        for (key, _), value in last.items():
            values[key].append(value)
        final |= {key: fmean(found) for key, found in values.items()}
    by_round: dict[int, list[float]] = defaultdict(list)
    for row in scored:
        if row["scope"] == "generic" and row["metric"] == "mAP":
            by_round[int(row["round"])].append(float(row["value"]))
    best = max(by_round, key=lambda number: (fmean(by_round[number]), -number)) if by_round else None
    return final, best


def key_of(row: Mapping[str, str]) -> tuple[str, str, str]:
    """What a row is about, whatever the round and the client."""
    return row["scope"], row["dataset"], row["metric"]


def is_count(metric: str) -> bool:
    """Whether a score is a number of queries or pairs, and no percentage."""
    return metric.rpartition("/")[2] in ("queries", "skipped", *wire.OPEN_SET_COUNTS)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide the numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _model_facts(setup: Setup, shared: Any) -> dict[str, Any]:
    tensors = setup.start
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    return {
        "backbone": setup.scenario.model.backbone,
        "width": setup.scenario.model.width,
        "embedding_dim": setup.scenario.model.embedding_dim,
        "parameters": sum(value.numel() for name, value in tensors.items() if not name.endswith(buffers)),
        "wire_bytes": sum(array.nbytes for array in shared.values()),
    }
