"""MATLAB's files: which library reads which, and what is said when one can't be read."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fedreid.data.formats.matlab import load_matlab, open_matlab73, whole_numbers
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
        load_matlab(files / "torn.mat", ["labels"])
    with pytest.raises(UserError, match=r"absent\.mat: can't be read: No such file"):
        load_matlab(files / "absent.mat", [])
    with (
        pytest.raises(UserError, match=r"new\.mat: can't be read as a MATLAB file"),
        open_matlab73(files / NEW, []) as file,
    ):
        file["nothing"]


def test_cells_structures_and_texts_are_what_scipy_gives(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    cell = np.empty((1, 2), dtype=object)
    cell[0, 0], cell[0, 1] = np.array([[1, 2]]), np.array(["a.png"])
    structure = np.array([[(np.array([[3.5]]), cell)]], dtype=[("first", object), ("second", object)])
    variables = {"cell": cell, "structure": structure, "text": "word", "empty": np.empty((0, 4)), "flag": [True]}
    scipy_io.savemat(tmp_path / "all.mat", variables)
    found, expected = load_matlab(tmp_path / "all.mat", list(variables)), scipy_io.loadmat(tmp_path / "all.mat")
    for name in ("text", "empty", "flag"):
        np.testing.assert_array_equal(found[name], expected[name], strict=True)
    assert found["cell"].shape == (1, 2)
    np.testing.assert_array_equal(found["cell"][0, 0], [[1, 2]])
    assert found["cell"][0, 1].tolist() == expected["cell"][0, 1].tolist()
    assert found["structure"].dtype.names == ("first", "second")
    record = found["structure"].ravel()[0]
    assert record[0].tolist() == [[3.5]]
    assert record["second"][0, 1].tolist() == record[1][0, 1].tolist() == ["a.png"]


def test_a_file_that_ends_the_process_is_called_damaged(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a damaged file makes of SciPy: here, one that kills the process when it is imported."""
    (files / "scipy").mkdir()
    (files / "scipy" / "__init__.py").touch()
    (files / "scipy" / "io.py").write_text("import os\nos.kill(os.getpid(), 11)\n")
    monkeypatch.syspath_prepend(files)
    with pytest.raises(UserError, match=r"old\.mat: .*the process that reads it was ended by signal 11\.\n  It is"):
        load_matlab(files / OLD, ["labels"])


def test_a_file_that_was_written_again_is_read_again(files: Path) -> None:
    assert load_matlab(files / OLD, ["labels"])["labels"].tolist() == [[3]]
    write_config(files / OLD, [("a.png", 4, 1), ("b.png", 5, 1)], {"train": [0]})
    assert load_matlab(files / OLD, ["labels"])["labels"].ravel().tolist() == [4, 5]


def test_whole_numbers_are_those_of_any_type(tmp_path: Path) -> None:
    found = whole_numbers(tmp_path, "v", np.array([[1.0, -2.0]]))
    assert (found.tolist(), found.dtype) == ([[1, -2]], np.int64)
    assert whole_numbers(tmp_path, "v", np.array([3], np.uint8)).tolist() == [3]
    assert whole_numbers(tmp_path, "v", np.empty((0, 0))).size == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.array([1, 2.5]), r"holds 2\.5"),
        (np.array([np.nan]), "holds nan"),
        (np.array([-np.inf]), "holds -inf"),
        (np.array([1e300]), r"holds 1e\+300"),
        (np.array([None]), "holds no numbers"),
        (np.array(["1"]), "holds no numbers"),
        (np.array([1j]), "holds no numbers"),
    ],
)
def test_what_is_no_whole_number_is_named(value: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=rf"lists\.mat: rows {said}; expected whole numbers"):
        whole_numbers(Path("lists.mat"), "rows", value)


def read(file: Path) -> None:
    if file.name == NEW:
        with open_matlab73(file, []):
            pass
    else:
        load_matlab(file, [])


@pytest.mark.parametrize(("name", "module", "package"), [(OLD, "scipy", "scipy"), (NEW, "h5py", "h5py")])
def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / name).write_bytes(bytes(512) + b"\x89HDF\r\n\x1a\n" if name == NEW else b"MATLAB 5.0 MAT-file")
    with pytest.raises(UserError, match=rf"{name}: needs {package} to be read\.\n.*pip install 'fedreid\[datasets\]'"):
        read(tmp_path / name)
