"""Shipped draws of iLIDS, PRID, CUHK01 and 3DPeS, and lists of halves that vendors ship."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from fedreid.data.formats import cuhk01, ilids, pes3d, prid
from fedreid.data.formats.draws import LISTS
from fedreid.data.formats.vendor_lists import half_in_matlab
from fedreid.data.synthetic.layouts.mars import write_matlab
from fedreid.errors import UserError

NUMBERS = {"ilids": ilids.NUMBERS, "prid": prid.ON_BOTH, "cuhk01": cuhk01.NUMBERS, "3dpes": pes3d.NUMBERS}


@pytest.mark.parametrize("dataset", NUMBERS)
def test_the_shipped_list_follows_the_rule(dataset: str) -> None:
    lines = (LISTS / f"{dataset}.txt").read_text(encoding="ascii").splitlines()
    assert len(lines) == 10
    for draw, line in enumerate(lines):
        keys = {
            hashlib.sha256(f"{dataset} draw {draw} person {n}".encode()).hexdigest(): n
            for n in range(1, NUMBERS[dataset] + 1)
        }
        assert [int(number) for number in line.split()] == [keys[key] for key in sorted(keys)]


@pytest.fixture
def _scipy() -> None:
    pytest.importorskip("scipy")


@pytest.mark.usefixtures("_scipy")
def test_the_first_half_of_a_line_is_tested(tmp_path: Path) -> None:
    file = tmp_path / "halves.mat"
    write_matlab(file, "ls_set", np.array([[5, 1, 3, 2, 4], [1, 2, 3, 4, 5]]))
    assert half_in_matlab(file, [10, 20, 30, 40, 50], 0) == {50, 10}  # of 5, 2 are tested
    assert half_in_matlab(file, [10, 20, 30, 40, 50], 1) == {10, 20}
    with pytest.raises(UserError, match="expected more than 2 splits of 5 people"):
        half_in_matlab(file, [10, 20, 30, 40, 50], 2)


@pytest.mark.usefixtures("_scipy")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.array([[1, 2, 3]]), r"has the shape \(1, 3\); expected more than 0 splits of 2 people"),
        (np.array([[1, 1]]), "isn't an order of the people 1 to 2"),
        (np.array([[0, 1]]), "isn't an order of the people 1 to 2"),
        (np.array([[1.5, 2]]), "isn't an order of the people 1 to 2"),
        (np.array([[1, np.nan]]), "isn't an order of the people 1 to 2"),
        (np.array([["1", "2"]], dtype=object), "isn't an order of the people 1 to 2"),
    ],
)
def test_a_list_of_others_or_a_damaged_one_is_named(tmp_path: Path, values: np.ndarray, said: str) -> None:
    write_matlab(tmp_path / "halves.mat", "ls_set", values)
    with pytest.raises(UserError, match=rf"halves\.mat: .*{said}"):
        half_in_matlab(tmp_path / "halves.mat", [10, 20], 0)
