"""Work in other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fedreid.data.workers import in_parallel
from fedreid.errors import RunError


def _square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def _fail(number: int) -> int:
    if number == 3:
        raise OSError(28, "No space left on device")
    return number


def _die(number: int) -> int:
    os._exit(9)


def test_every_task_is_done_once_elsewhere() -> None:
    results = list(in_parallel(_square, range(7), 2))
    assert sorted(square for square, _ in results) == [0, 1, 4, 9, 16, 25, 36]
    assert os.getpid() not in {process for _, process in results}


def test_one_worker_is_this_process() -> None:
    assert list(in_parallel(_square, range(3), 1)) == [(0, os.getpid()), (1, os.getpid()), (4, os.getpid())]


def test_an_error_in_a_worker_is_raised_here() -> None:
    with pytest.raises(OSError, match="No space left"):
        list(in_parallel(_fail, range(5), 2))


def test_a_worker_that_is_killed_is_reported() -> None:
    with pytest.raises(RunError, match="worker process died"):
        list(in_parallel(_die, range(3), 2))


def test_a_script_without_a_main_guard_does_not_start_itself_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import math, sys\n"
        "from fedreid.data.workers import in_parallel\n"
        "sys.stdout.write('started ')\n"
        "sys.stdout.write(str(sorted(in_parallel(math.factorial, [1, 2, 3], 2))))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "started [1, 2, 6]"
