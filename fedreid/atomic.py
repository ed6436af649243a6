"""Files that are either whole or absent: written under another name, flushed to the disk, then renamed."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError


def write_atomically(
    path: Path, write: Callable[[Path], object], *, is_flushed: bool = True, is_private: bool = False
) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place: kill -9 never leaves half a file.

    Args:
        is_flushed: wait until it is on the disk; without, somebody else must flush before relying on it.
        is_private: leave the file to its owner alone, if its writer made it so.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with os_errors(path):
            write(temporary)
        if not is_private:
            temporary.chmod(0o644)  # some writers make files that only their owner may read
        if is_flushed:
            flush(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Let a full disk be an OSError: safetensors hides the operating system's errors in a type of its own."""
    try:
        yield
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def flush(path: Path) -> None:
    """fsync a file or a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
