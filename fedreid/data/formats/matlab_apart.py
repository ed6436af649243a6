"""Reading a MATLAB file of version 5 in a process of its own: a damaged one can make SciPy crash, and all with it.

This file is also the program that runs there. It answers with one line of JSON: what a variable holds is
{"shape", "dtype", "bytes"} in base64, a cell is {"shape", "items"}, a structure has {"fields"} as well.
"""

from __future__ import annotations

import base64
import functools
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

KEPT = 8  # files whose variables are remembered: protocols of ten halves read one file ten times


class UnreadableError(Exception):
    """The file can't be read; the text says why."""


def read_apart(file: Path, needed: tuple[str, ...]) -> dict[str, Any]:
    """Those of the needed variables that a file has, as `scipy.io.loadmat` gives them. Don't write into them.

    Raises:
        UnreadableError: reading fails, or crashes the process.
        OSError: the file is gone, or no process can be started.
    """
    status = file.stat()
    return _read(str(file.absolute()), needed, (status.st_ino, status.st_size, status.st_mtime_ns))


@functools.lru_cache(maxsize=KEPT)
def _read(file: str, needed: tuple[str, ...], _status: tuple[int, ...]) -> dict[str, Any]:
    found = subprocess.run(
        [sys.executable, "-P", __file__, file, *needed],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        answer = json.loads(found.stdout)
    except ValueError:  # it ended before it could answer
        how = f"by signal {-found.returncode}" if found.returncode < 0 else f"with status {found.returncode}"
        raise UnreadableError(f"the process that reads it was ended {how}") from None
    if "error" in answer:
        raise UnreadableError(answer["error"])
    return {name: arrays(value) for name, value in answer.items()}


def plain(value: Any) -> dict[str, Any]:
    """What can be written as JSON, of an array that holds numbers, texts, or (as cells and structures) more arrays."""
    array = np.asarray(value.toarray() if hasattr(value, "toarray") else value)  # sparse matrices
    shape = list(array.shape)
    if fields := array.dtype.names:
        items = [[plain(record[field]) for field in fields] for record in array.ravel()]
        return {"shape": shape, "fields": list(fields), "items": items}
    if array.dtype.kind != "O":
        return {"shape": shape, "dtype": array.dtype.str, "bytes": base64.b64encode(array.tobytes()).decode()}
    return {"shape": shape, "items": [plain(item) for item in array.ravel()] if shape else [None]}


def arrays(found: dict[str, Any] | None) -> Any:
    """What `plain` was given; None for what is no array."""
    if found is None:
        return None
    if "bytes" in found:
        dtype, content = np.dtype(found["dtype"]), base64.b64decode(found["bytes"])
        return (np.frombuffer(content, dtype) if content else np.empty(0, dtype)).reshape(found["shape"])
    fields = found.get("fields")
    items = np.empty(len(found["items"]), [(field, object) for field in fields] if fields else object)
    for place, item in enumerate(found["items"]):
        items[place] = tuple(arrays(field) for field in item) if fields else arrays(item)
    return items.reshape(found["shape"])


def _answer(file: str, needed: list[str]) -> dict[str, Any]:
    try:
        load = importlib.import_module("scipy.io").loadmat
        found = load(file, variable_names=needed)
        if any(name not in found for name in needed):
            load(file)  # a file that was cut off seems to end earlier where variables are skipped
        return {name: plain(found[name]) for name in needed if name in found}
    except Exception as error:  # whatever a damaged file makes SciPy stumble over
        return {"error": " ".join(str(error).split()) or type(error).__name__}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(sys.argv[1], sys.argv[2:])))
