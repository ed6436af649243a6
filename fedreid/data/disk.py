"""Writing into the cache folder: drafts that become visible when they are complete, and errors that say what to do."""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from fedreid.errors import RunError, UserError

LEFTOVER_SECONDS = 24 * 3600  # a draft this old belongs to a run that was killed


@contextlib.contextmanager
def writing(folder: Path, what: str) -> Iterator[None]:
    """Turn failures to write into one clear line.

    Raises:
        RunError: the disk is full.
        UserError: the folder can't be written.
    """
    try:
        yield
    except OSError as error:
        kind = RunError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UserError
        raise kind(
            f"{folder}: can't write {what}: {error.strerror or error}.\n"
            "  Make room or give permission there, or set data.cache (or FEDREID_CACHE) to another folder."
        ) from error


@contextlib.contextmanager
def draft_of(final: Path) -> Iterator[Path]:
    """A new folder that takes the name `final` when the block ends well, and vanishes when it doesn't."""
    with draft_in(final.parent) as draft:
        yield draft
        put_in_place(draft, final)


@contextlib.contextmanager
def draft_in(folder: Path) -> Iterator[Path]:
    """A new folder inside `folder` that vanishes at the end, unless it was put in place."""
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    with place_for_draft(folder) as draft:
        draft.mkdir()
        yield draft


@contextlib.contextmanager
def place_for_draft(folder: Path) -> Iterator[Path]:
    """A path inside `folder` with nothing there: who has something to write makes it, and it vanishes at the end."""
    draft = folder / f".{uuid.uuid4().hex}.tmp"
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def put_in_place(draft: Path, final: Path) -> None:
    """Give a draft its final name. Where another process was quicker, its folder stays: both hold the same."""
    with contextlib.suppress(OSError):  # there already: a folder that isn't empty is never replaced
        draft.rename(final)
    if not final.is_dir():
        draft.rename(final)  # it was something else: say what


def _remove_leftovers(folder: Path) -> None:
    for draft in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if draft.is_dir() and time.time() - draft.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(draft, ignore_errors=True)
