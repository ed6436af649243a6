"""A comparison's folder: the resolved experiment beside its runs, and what failed.

OUT/experiments.toml   the experiment with its grid written out; `fedreid compare OUT` goes on with it
OUT/base.toml          the scenario that its variants start from, every default written out
OUT/runs/              ordinary run folders
OUT/logs/              what their processes said
OUT/failures.json      runs that failed, each with its reason; absent where all is well
OUT/comparison.csv     every comparison, in long form
OUT/comparison.json    the command, the reference and, of named runs, where they are: for writing the report again
OUT/report.html, .md   the report, with tables/ and figures/
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import tomli_w

from fedreid import run_folder
from fedreid.atomic import write_atomically
from fedreid.comparison.experiments import Experiment
from fedreid.errors import UserError
from fedreid.scenario import to_toml

EXPERIMENTS, BASE, RUNS, LOGS = "experiments.toml", "base.toml", "runs", "logs"
FAILURES, TABLE, RECORD = "failures.json", "comparison.csv", "comparison.json"


def refuse_folder(folder: Path, name: str) -> None:
    """Stop where a folder is no place for this comparison.

    Raises:
        UserError: it is a file, a run folder, or holds another comparison; or there can't be such a folder.
    """
    try:
        is_file, is_run = folder.exists() and not folder.is_dir(), (folder / run_folder.SCENARIO).exists()
    except OSError as error:  # its name is too long
        raise UserError(f"{folder}: {error.strerror}: give another --out.") from None
    if is_file:
        raise UserError(f"{folder} is a file, and a folder is expected: give another --out.")
    if is_run:
        raise UserError(f"{folder} is the folder of a run: give another --out.")
    try:
        other = tomllib.loads((folder / EXPERIMENTS).read_text(encoding="utf-8")).get("name", name)
    except (OSError, ValueError):
        return
    if other != name:
        this = name or "of finished runs"
        raise UserError(f"{folder} holds the comparison {other}, and this one is {this}: give another --out.")


def write_experiment(experiment: Experiment, folder: Path) -> Path:
    """Write the resolved experiment into its folder.

    Returns:
        The scenario that its runs start from: a copy, so that nobody changes it while they wait.

    Raises:
        UserError: the folder can't be written.
    """
    base = folder / BASE
    write_text(base, to_toml(experiment.start))
    write_text(folder / EXPERIMENTS, tomli_w.dumps(_tree(experiment)))
    return base


def _tree(experiment: Experiment) -> dict[str, Any]:
    variants = [
        {
            "name": variant.name,
            **({"description": variant.description} if variant.description else {}),
            "set": {key: variant.values[key] for key in variant.own},
        }
        for variant in experiment.variants
        if not variant.is_added
    ]
    return {
        "name": experiment.name,
        "description": experiment.description,
        "base": BASE,
        "seeds": list(experiment.seeds),
        "reference": experiment.reference,
        "at_once": experiment.at_once,
        "local_only": experiment.local_only,
        "centralised": any(variant.is_added for variant in experiment.variants),
        "variants": variants,
    }


def write_failures(folder: Path, failures: Sequence[Mapping[str, Any]]) -> None:
    """Keep the runs that failed; without any, the file goes."""
    path = folder / FAILURES
    if failures:
        write_text(path, json.dumps(list(failures), indent=2, ensure_ascii=False) + "\n")
    else:
        path.unlink(missing_ok=True)


def write_table(folder: Path, table: pd.DataFrame) -> Path:
    """comparison.csv; floats so that reading them gives the same bits."""
    path = folder / TABLE
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
    return path


def write_text(path: Path, text: str) -> None:
    """A whole file or none.

    Raises:
        UserError: it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise UserError(f"can't write {path}: {os.strerror(error.errno or 0)}. Give another --out.") from error
