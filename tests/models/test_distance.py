"""How far training moved a model: hand numbers, and the same for a block, separate arrays and any order of memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedreid.models import distance
from fedreid.models.distance import BLOCK, relative_distance
from fedreid.models.flat import FlatArrays, flattened
from fedreid.models.sharing import copy_arrays


def test_by_hand() -> None:
    """The change (1, 2, 2) has length 3, the start (3, 4, 0) length 5."""
    start = {"a": np.array([3, 4], np.float32), "b": np.array([[0]], np.float32)}
    now = {"a": np.array([4, 6], np.float32), "b": np.array([[2]], np.float32)}
    assert relative_distance(now, start) == 60.0
    assert relative_distance(start, start) == 0.0


def test_running_statistics_do_not_count() -> None:
    start = {"bn.weight": np.full(4, 1.0), "bn.running_mean": np.zeros(4), "bn.running_var": np.full(4, 1e6)}
    now = {"bn.weight": np.full(4, 1.1), "bn.running_mean": np.full(4, 50.0), "bn.running_var": np.full(4, 2e6)}
    assert relative_distance(now, start) == pytest.approx(10)


def test_a_start_of_zeros_has_no_length_to_compare_with() -> None:
    assert math.isnan(relative_distance({"a": np.ones(2)}, {"a": np.zeros(2)}))


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="differ from those of the start: \\['b'\\]"):
        relative_distance({"a": np.ones(2), "b": np.ones(2)}, {"a": np.ones(2)})


def both(seed: int) -> tuple[FlatArrays, FlatArrays]:
    """Two models of BLOCK values and more, in blocks with gaps between the tensors, one of them channels-last."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        "conv.weight": torch.randn(7, 5, 3, 3, generator=generator).to(memory_format=torch.channels_last),
        "bn.running_var": torch.rand(7, generator=generator) * 1e5,
        "fc.weight": torch.randn(BLOCK // 8 + 3, 17, generator=generator),
        "bn.running_mean": torch.randn(11, generator=generator),
        "fc.bias": torch.randn(1, generator=generator),
    }
    flat = flattened(tensors)
    start = copy_arrays(flat)
    flat.block.add_(torch.randn(flat.block.shape, generator=generator), alpha=0.01)  # type: ignore[attr-defined]
    now = copy_arrays(flat)
    assert isinstance(start, FlatArrays)
    assert isinstance(now, FlatArrays)
    return now, start


@given(st.integers(0, 2**31))
def test_a_block_and_separate_arrays_give_the_same_bits_and_those_of_one_long_vector(seed: int) -> None:
    now, start = both(seed)
    found = relative_distance(now, start)
    assert relative_distance({name: np.ascontiguousarray(now[name]) for name in now}, dict(start)) == found
    names = ("conv.weight", "fc.weight", "fc.bias")
    long_now, long_start = (
        np.concatenate([each[name].ravel() for name in names]).astype(float) for each in (now, start)
    )
    expected = 100 * np.linalg.norm(long_now - long_start) / np.linalg.norm(long_start)
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_second_client_of_a_round_is_measured_as_the_first_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start's length is worked out once for all of them."""
    (first, start), (second, _) = both(0), both(1)
    alone = relative_distance(second, FlatArrays(start.layout, start.block))
    measured: list[bool] = []
    inner = distance._sum_of_squares

    def counted(*values: np.ndarray) -> float:
        measured.append(len(values) == 2)  # without others to subtract: a length
        return inner(*values)

    monkeypatch.setattr(distance, "_sum_of_squares", counted)
    assert relative_distance(first, start) != alone
    assert relative_distance(second, start) == alone
    assert sum(measured) == 1


def test_what_lies_between_the_tensors_of_a_block_does_not_count() -> None:
    now, start = both(0)
    expected = relative_distance(now, start)
    inside = np.zeros(start.layout.size, bool)
    for shape, offset in zip(start.layout.shapes, start.layout.offsets, strict=True):
        inside[offset : offset + math.prod(shape)] = True
    assert not inside.all()
    now.block[~inside], start.block[~inside] = np.nan, 1e9
    assert relative_distance(now, start) == expected
