"""What a run keeps of its data in RUN/splits/: who has which image, and data.json, which says where the images are."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from fedreid.atomic import write_atomically
from fedreid.data.splits import Split, refuse_changes, write_split
from fedreid.errors import RunError, UserError

SPLITS, INDEX = "splits", "data.json"


def read_index(run_dir: Path) -> dict[str, Any]:
    """The description of a run's data.

    Raises:
        UserError: the run folder or its description is missing or broken.
    """
    file = run_dir / SPLITS / INDEX
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        missing = file.parent if run_dir.is_dir() else run_dir
        raise UserError(f"{missing}: no such folder; the data of a run is described there") from None
    except ValueError as error:
        raise UserError(f"{file}: not the description of a run's data: {error}") from None


def cache_paths(run_dir: Path) -> list[Path]:
    """Folders of decoded images and of tests' lists that a prepared run reads, for checking that a node sees them."""
    return [Path(path) for path in _noted_folders(read_index(run_dir)).values()]


def save(split: Split, index: dict[str, Any], run_dir: Path) -> None:
    """Write RUN/splits/ at once, so that it is complete or not there. Where it is there, it must be the same.

    Raises:
        UserError: the run started with another split, or with images of other content.
        RunError: the disk refuses.
    """
    folder = run_dir / SPLITS
    text = json.dumps(index, indent=1) + "\n"
    try:
        if (folder / INDEX).exists():
            refuse_changes(split, folder)
            _refuse_other_content(_noted_folders(read_index(run_dir)), _noted_folders(index))
            write_atomically(
                folder / INDEX, lambda file: file.write_text(text, encoding="utf-8")
            )  # caches may have moved
            return
        shutil.rmtree(folder, ignore_errors=True)
        draft = run_dir / f".{SPLITS}.{os.getpid()}.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        write_split(split, draft)
        (draft / INDEX).write_text(text, encoding="utf-8")
        draft.rename(folder)
    except OSError as error:
        raise RunError(f"{folder}: the split can't be written: {error.strerror}") from error


def _noted_folders(index: dict[str, Any]) -> dict[str, str]:
    """What is kept in the cache, by what it is."""
    caches = {f"the images of {name}": path for name, path in index["caches"].items()}
    return caches | {f"the lists of {name}": path for name, path in index.get("tests", {}).items()}


def _refuse_other_content(before: dict[str, str], now: dict[str, str]) -> None:
    """A folder of the cache is named after the content in it, and keeps its name when it moves."""
    for what, path in now.items():
        if what in before and Path(before[what]).name != Path(path).name:
            name = what.rpartition(" ")[2]
            raise UserError(
                f"{name}: {what} have other content than when this run started, under the same names.\n"
                "  Put the dataset back as it was, or start a new run."
            )
