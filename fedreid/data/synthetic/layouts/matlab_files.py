"""Writing MATLAB's files the same way every time, and saying what to install where a library is missing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fedreid.errors import UserError

HEADER = 116  # bytes of text that a file of version 5 starts with
TEXT = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Mon Mar 24 2014"


def save_matlab(file: Path, variables: Mapping[str, Any]) -> None:
    """Write a file of version 5; folders are made.

    Raises:
        UserError: SciPy isn't installed.
    """
    writer = library("scipy.io", "scipy", file)
    file.parent.mkdir(parents=True, exist_ok=True)
    writer.savemat(file, dict(variables), format="5")
    with file.open("r+b") as stream:  # SciPy writes the time there: the same data would give other bytes
        stream.write(TEXT.ljust(HEADER))


def library(module: str, package: str, file: Path) -> Any:
    """A library that only some formats need.

    Raises:
        UserError: it isn't installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(
            f"{file}: needs {package} to be written.\n  Install it with: pip install 'fedreid[datasets]'"
        ) from None
