"""Where datasets are looked for, and where decoded images are kept."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fedreid.errors import UserError
from fedreid.scenario.schema import DataSettings


def data_root(settings: DataSettings) -> Path:
    """Where relative dataset paths start: `data.root`, else the environment's FEDREID_DATA, else the current folder."""
    return expanded(settings.root or os.environ.get("FEDREID_DATA") or ".")


def cache_folder(settings: DataSettings) -> Path:
    """Folder of decoded and rendered images: `data.cache`, else FEDREID_CACHE, else ~/.cache/fedreid."""
    return expanded(settings.cache or os.environ.get("FEDREID_CACHE") or "~/.cache/fedreid")


def dataset_folder(path: str, settings: DataSettings) -> Path:
    """A dataset's folder; a relative path starts at `data_root`."""
    return data_root(settings) / expanded(path, absolute=False)


def expanded(path: str, *, absolute: bool = True) -> Path:
    """A path as a user writes it: ~ and $VARIABLES filled in.

    Raises:
        UserError: a variable that isn't set; without this, a folder named "$SCRATCH" would be made.
    """
    filled = os.path.expandvars(path)
    if unset := re.search(r"\$\{?(\w+)", filled):
        raise UserError(f"{path}: the environment has no variable {unset[1]}. Set it, or write the folder out.")
    found = Path(filled).expanduser()
    return found.absolute() if absolute else found
