"""MATLAB's files: which library reads which, and what is said when one can't be read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fedreid.data.formats.matlab import load_matlab, open_matlab73
from fedreid.data.synthetic.layouts.cuhk03 import write_config, write_release
from fedreid.errors import UserError

OLD, NEW = "old.mat", "new.mat"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """One file of each kind."""
    pytest.importorskip("scipy")
    pytest.importorskip("h5py")
    write_config(tmp_path / OLD, [("a.png", 3, 1)], {"train": [0]})
    write_release(tmp_path / NEW, (1,), {}, [[(1, 1)]])
    return tmp_path


def test_each_kind_is_read(files: Path) -> None:
    assert load_matlab(files / OLD, ["labels"])["labels"].tolist() == [[3]]
    with open_matlab73(files / NEW, ["testsets"]) as opened:
        np.testing.assert_array_equal(opened[opened["testsets"][0, 0]][()], [[1], [1]])


def test_the_other_kind_is_refused(files: Path) -> None:
    with pytest.raises(
        UserError, match=r"new\.mat: is a MATLAB file of version 7\.3, where the vendor's is of version 5"
    ):
        load_matlab(files / NEW, [])
    with pytest.raises(UserError, match=r"old\.mat: is no MATLAB file of version 7\.3"), open_matlab73(files / OLD, []):
        pass


def test_a_missing_variable_is_named(files: Path) -> None:
    with pytest.raises(UserError, match=r"old\.mat: has no variable tracks; expected labels, tracks\."):
        load_matlab(files / OLD, ["labels", "tracks"])
    with pytest.raises(UserError, match=r"new\.mat: has no variable tracks"), open_matlab73(files / NEW, ["tracks"]):
        pass


def test_a_damaged_or_missing_file_is_named(files: Path) -> None:
    (files / "torn.mat").write_bytes((files / OLD).read_bytes()[:200])
    with pytest.raises(UserError, match=r"torn\.mat: can't be read as a MATLAB file: .*\n  It is damaged"):
        load_matlab(files / "torn.mat", [])
    with pytest.raises(UserError, match=r"absent\.mat: can't be read: No such file"):
        load_matlab(files / "absent.mat", [])
    with (
        pytest.raises(UserError, match=r"new\.mat: can't be read as a MATLAB file"),
        open_matlab73(files / NEW, []) as file,
    ):
        file["nothing"]


def read(file: Path) -> None:
    if file.name == NEW:
        with open_matlab73(file, []):
            pass
    else:
        load_matlab(file, [])


@pytest.mark.parametrize(("name", "module", "package"), [(OLD, "scipy.io", "scipy"), (NEW, "h5py", "h5py")])
def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(bytes(512) + b"\x89HDF\r\n\x1a\n" if name == NEW else b"MATLAB 5.0 MAT-file")
    with pytest.raises(UserError, match=rf"{name}: needs {package} to be read\.\n.*pip install 'fedreid\[datasets\]'"):
        read(tmp_path / name)
