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
    """A new folder that takes the name `final` when the block ends well, and vanishes when it doesn't.

    Where another process was quicker, its folder stays and ours vanishes: both hold the same.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final.parent)
    draft = final.with_name(f".{final.name}.{uuid.uuid4().hex[:8]}.tmp")
    draft.mkdir()
    try:
        yield draft
        with contextlib.suppress(OSError):  # there already: a folder that isn't empty is never replaced
            draft.rename(final)
        if not final.is_dir():
            draft.rename(final)  # it was something else: say what
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    for draft in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if draft.is_dir() and time.time() - draft.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(draft, ignore_errors=True)
