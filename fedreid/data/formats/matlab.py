"""MATLAB's files, of both kinds: up to version 7 (read by SciPy) and 7.3, which is HDF5 (read by h5py).

Neither library is needed unless a dataset comes with such a file.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fedreid.data.formats.matlab_apart import UnreadableError, read_apart
from fedreid.errors import UserError

HDF5 = b"\x89HDF\r\n\x1a\n"
HEADER = 512  # bytes of MATLAB's own in front of HDF5
STUMBLES = (OSError, LookupError, ValueError, TypeError, RuntimeError, AttributeError)  # of h5py over damage
LARGEST = 2**53  # up to here, a double holds every whole number


def load_matlab(file: Path, needed: Sequence[str]) -> dict[str, Any]:
    """The needed variables of a file of version 5, 6 or 7, as SciPy gives them: two-dimensional arrays.

    A process of its own reads them: a damaged file can make SciPy crash.

    Raises:
        UserError: SciPy isn't installed, the file is of version 7.3 or no such file, or lacks a variable.
    """
    if _is_hdf5(file):
        raise UserError(
            f"{file}: is a MATLAB file of version 7.3, where the vendor's is of version 5.\n"
            "  Take the vendor's own file, or save it in MATLAB with save(..., '-v7')."
        )
    _library("scipy", "scipy", file)
    try:
        found = read_apart(file, tuple(needed))
    except (UnreadableError, OSError) as error:
        raise _damaged(file, error) from None
    _refuse_missing(file, found, needed)
    return found


@contextlib.contextmanager
def open_matlab73(file: Path, needed: Sequence[str]) -> Iterator[Any]:
    """An open h5py.File of version 7.3. Arrays in it are turned: MATLAB's (rows, columns) is (columns, rows).

    Only read from it in the block: errors in there are taken for the file's.

    Raises:
        UserError: h5py isn't installed, the file is of another version or no such file, or lacks a variable.
    """
    if not _is_hdf5(file):
        raise UserError(
            f"{file}: is no MATLAB file of version 7.3 (HDF5), as the vendor's is.\n"
            "  Take the vendor's own file; if it is, it is damaged: unpack the archive again."
        )
    library = _library("h5py", "h5py", file)
    try:
        opened = library.File(file, "r")
    except OSError as error:
        raise _damaged(file, error) from None
    with opened:
        _refuse_missing(file, opened, needed)
        try:
            yield opened
        except STUMBLES as error:
            raise _damaged(file, error) from None


def whole_numbers(file: Path, variable: str, found: Any) -> np.ndarray:
    """int64, of the same shape: what a variable holds that should hold whole numbers.

    Raises:
        UserError: it holds something else: fractions, no numbers, cells.
    """
    array = np.asarray(found)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind != "f":
        raise UserError(f"{file}: {variable} holds no numbers; expected whole numbers.\n  Take the vendor's own file.")
    wrong = array[~(np.abs(array) < LARGEST) | (array != np.trunc(array))]  # not a number is never less
    if wrong.size:
        raise UserError(
            f"{file}: {variable} holds {wrong.ravel()[0]:g}; expected whole numbers.\n  Take the vendor's own file."
        )
    return array.astype(np.int64)


def _is_hdf5(file: Path) -> bool:
    try:
        with file.open("rb") as stream:
            start = stream.read(HEADER + len(HDF5))
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}") from None
    return start.startswith(HDF5) or start[HEADER:] == HDF5


def _library(module: str, package: str, file: Path) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise UserError(
            f"{file}: needs {package} to be read.\n  Install it with: pip install 'fedreid[datasets]'"
        ) from None


def _refuse_missing(file: Path, found: Any, needed: Sequence[str]) -> None:
    if missing := [variable for variable in needed if variable not in found]:
        raise UserError(
            f"{file}: has no variable {', '.join(missing)}; expected {', '.join(needed)}.\n"
            "  Take the vendor's own file."
        )


def _damaged(file: Path, error: Exception) -> UserError:
    text = " ".join(str(error).split()) or type(error).__name__
    return UserError(f"{file}: can't be read as a MATLAB file: {text}.\n  It is damaged: unpack the archive again.")
