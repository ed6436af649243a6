"""What makes datasets quick to test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fedreid.data.formats import matlab, matlab_apart


@pytest.fixture(scope="module", autouse=True)
def matlab_in_this_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """MATLAB's files are read without the process of their own, which takes a second to start.

    What it is for, files that crash SciPy, is test_matlab.py's subject; there it is started.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name != "test_matlab.py":
            patch.setattr(matlab, "read_apart", read_here)
        yield


def read_here(file: Path, needed: tuple[str, ...]) -> dict[str, Any]:
    """As `read_apart`, through the same text."""
    file.stat()
    answer = json.loads(json.dumps(matlab_apart._answer(str(file), list(needed))))
    if "error" in answer:
        raise matlab_apart.UnreadableError(answer["error"])
    return {name: matlab_apart.arrays(value) for name, value in answer.items()}
