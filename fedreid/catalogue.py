"""Catalogues that come with fedreid, devices and links: TOML files, a table for each name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from fedreid.errors import UserError

Entry = TypeVar("Entry")


def read_catalogue(file: Path, entry: Callable[..., Entry]) -> dict[str, Entry]:
    """All entries, by name; `entry` makes one from its table."""
    return {name: entry(**table) for name, table in tomllib.loads(file.read_text(encoding="utf-8")).items()}


def entry_named(known: Mapping[str, Entry], name: str, *, key: str, kind: str) -> Entry:
    """One of them.

    Args:
        key, kind: the setting that names it, and what of, for the error.

    Raises:
        UserError: there is none of this name; it says which there are, and the nearest.
    """
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UserError(f"{key}: {kind} = {name!r} is not in the catalogue: {', '.join(known)}.{hint}")
    return known[name]
