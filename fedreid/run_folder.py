"""A run folder: names of the files that more than one package reads or writes, and whose turn it is."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fedreid.errors import UserError

SCENARIO = "scenario.toml"
START = "start.safetensors"  # the backbone before the first round, every tensor of it
PUBLIC_PROXIES = "public_proxies.safetensors"
FINAL = "model.safetensors"  # the global backbone after the last round
PUBLIC_FEATURES = "checkpoints/public_features"  # of the round in progress; made again when a run goes on
SETUP = "setup.json"  # what preparing the run found and how long it took
SUMMARY = "summary.json"
QUERIES = "queries"  # of the final shared model: one file for each test set, one row for each query
EXAMPLES = "examples"  # of what the final shared model finds, for the report alone
SPLITS, SPLIT_INDEX = "splits", "data.json"  # who got which image, as text
METRICS, REFERENCES = "metrics.csv", "references.csv"
LOG, LOCK = "log.txt", ".lock"


@contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """One process for each run folder; the lock goes with the process, however it ends.

    Raises:
        UserError: another process has it.
    """
    with (run_dir / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{run_dir} is in use by another process: wait for it, or stop it first.") from error
        yield


def digests(run_dir: Path) -> dict[str, str]:
    """SHA-256 of the files that comparisons read, by name: whoever reads them later can tell if they were edited."""
    names = [SCENARIO, METRICS, REFERENCES]
    names += sorted(f"{part}/{file.name}" for part in (QUERIES, SPLITS) for file in (run_dir / part).glob("*.csv"))
    return {name: digest(run_dir / name) for name in names if (run_dir / name).is_file()}


def digest(file: Path) -> str:
    """SHA-256 of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
