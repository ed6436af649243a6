"""Slices of tensors and their way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.pruning import full_map, groups_of, scatter, scatter_state, slice_state, sliced, tensor_map
from tests.pruning.networks import MINI_GROUPS, MiniResidual, backbone, random_map


def ids(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


WEIGHT = torch.arange(24.0).view(3, 4, 1, 2)


@pytest.mark.parametrize("is_array", [False, True])
@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (None, None, list(range(24))),
        (ids(0, 2), None, [*range(8), *range(16, 24)]),
        (None, ids(3), [6, 7, 14, 15, 22, 23]),
        (ids(1, 2), ids(0, 2), [8, 9, 12, 13, 16, 17, 20, 21]),
    ],
)
def test_rows_of_columns(rows, columns, expected, is_array):
    whole = WEIGHT.numpy() if is_array else WEIGHT
    found = sliced(whole, rows, columns)
    assert type(found) is type(whole)
    assert found.reshape(-1).tolist() == expected


@pytest.mark.parametrize("rows", [None, ids(0, 1, 2)])
@pytest.mark.parametrize("is_array", [False, True])
def test_a_slice_is_a_copy(rows, is_array):
    whole = WEIGHT.numpy().copy() if is_array else WEIGHT.clone()
    sliced(whole, rows, None)[...] = -1
    assert (whole >= 0).all()


def test_a_channels_last_tensor_stays_channels_last():
    whole = torch.zeros(4, 3, 3, 3).to(memory_format=torch.channels_last)
    assert sliced(whole, ids(0, 1), ids(1, 2)).is_contiguous(memory_format=torch.channels_last)


def test_what_is_scattered_is_the_outer_product():
    """Worked example O9: the client with output 0 and input 1 writes one value."""
    whole = torch.tensor([[1.0, 2], [3, 4], [5, 6]])[:, :, None, None]
    scatter(whole, torch.tensor([8.0]).view(1, 1, 1, 1), ids(0), ids(1))
    assert whole.flatten().tolist() == [1, 8, 3, 4, 5, 6]
    scatter(whole, torch.tensor([[1.0, 5], [9, 0]]).view(2, 2, 1, 1), ids(0, 2), None)
    assert whole.flatten().tolist() == [1, 5, 3, 4, 9, 0]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_there_and_back(seed, is_array):
    """A slice scattered into zeros, and sliced again, is the slice; everywhere else zeros are left, bit for bit."""
    model = MiniResidual()
    state = {
        key: torch.arange(1.0, tensor.numel() + 1).view(tensor.shape)
        for key, tensor in model.state_dict().items()
        if tensor.dim()
    }
    tensors = tensor_map(MINI_GROUPS, random_map(MINI_GROUPS, "mini", seed))
    source = {key: tensor.numpy() for key, tensor in state.items()} if is_array else state
    small = slice_state(source, tensors)
    empty = {key: values * 0 for key, values in source.items()}
    full = scatter_state(empty, small, tensors)
    again = slice_state(full, tensors)
    for key, values in small.items():
        assert (again[key] == values).all()
        assert int((full[key] != 0).sum()) == np.prod(values.shape)
        kept = full[key] != 0
        assert (full[key][kept] == source[key][kept]).all()
        assert (empty[key] == 0).all()


def test_a_full_map_changes_nothing():
    model = backbone("resnet10")
    groups = groups_of(model, frozen=())
    state = model.state_dict()
    found = slice_state(state, tensor_map(groups, full_map(groups, "resnet10")))
    assert list(found) == list(state)
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_keys_that_did_not_travel_stay():
    full = {"conv.weight": torch.zeros(3, 2), "head.weight": torch.ones(2)}
    found = scatter_state(full, {"conv.weight": torch.ones(1, 2)}, {"conv.weight": (ids(1), None)})
    assert found["conv.weight"].sum(1).tolist() == [0, 2, 0]
    assert torch.equal(found["head.weight"], full["head.weight"])
    assert not full["conv.weight"].any()


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [(ids(3), None, r"bn: shape \(3, 4, 1, 2\) .* index 3 in dimension 0"), (None, ids(4), "index 4 in dimension 1")],
)
def test_refuses_a_tensor_of_another_network(rows, columns, message):
    with pytest.raises(ValueError, match=message):
        sliced(WEIGHT, rows, columns, key="bn")
    with pytest.raises(ValueError, match="too small for index 0 in dimension 1"):
        sliced(torch.zeros(3), None, ids(0))


def test_refuses_a_slice_of_another_map():
    full = {"conv.weight": torch.zeros(3, 2)}
    with pytest.raises(ValueError, match=r"conv.weight: expected a slice of shape \(1, 2\), found \(2, 2\)"):
        scatter_state(full, {"conv.weight": torch.ones(2, 2)}, {"conv.weight": (ids(1), None)})
    with pytest.raises(ValueError, match="the full network has no other"):
        scatter_state(full, {"other": torch.ones(1)}, {})
