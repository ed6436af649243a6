"""Whole or absent, whatever happens while a file is written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from fedreid.atomic import os_errors, write_atomically


def test_a_file_takes_its_place_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old")

    def write(temporary: Path) -> None:
        assert temporary.parent == tmp_path, "a rename is atomic on one file system only"
        temporary.write_text("new")
        assert path.read_text() == "old"

    write_atomically(path, write)
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "state.json"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_between_writing_and_renaming_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old")
    child = os.fork()
    if child == 0:  # no clean-up of Python's runs: os._exit is as sudden as kill -9
        write_atomically(path, lambda temporary: (temporary.write_text("new"), os._exit(0)))
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_text() == "old"


def test_everyone_may_read_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_atomically(path, lambda temporary: save_file({"x": np.zeros(1)}, temporary))
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_is_an_os_error_also_when_safetensors_writes(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "model.safetensors", write)
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "model.safetensors")


def test_safetensors_itself_reports_the_number_of_the_operating_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), os_errors(tmp_path / "nowhere" / "x"):
        save_file({"x": np.zeros(1)}, tmp_path / "nowhere" / "x")


def test_other_errors_of_safetensors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError, match="header too small"), os_errors(tmp_path):
        raise SafetensorError("header too small")
