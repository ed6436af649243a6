"""Which tensors of a backbone travel, by policy, and how they get in and out of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from fedreid.models.sharing import copy_arrays, load_tensors, private_names, shared_tensors


def network() -> nn.Module:
    """A convolution, a BatchNorm with everything, one without scale and shift, and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(3, 4, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.BatchNorm1d(4, affine=False),
        nn.Linear(4, 2),
    )


NORMS = {"1.weight", "1.bias"}
STATISTICS = {"1.running_mean", "1.running_var", "3.running_mean", "3.running_var"}
OTHERS = {"0.weight", "4.weight", "4.bias"}


@pytest.mark.parametrize(
    ("policy", "shared", "private"),
    [
        ("average", OTHERS | NORMS | STATISTICS, set()),
        ("local", OTHERS, NORMS | STATISTICS),
        ("statistics_local", OTHERS | NORMS, STATISTICS),
    ],
)
def test_what_travels_and_what_stays(policy: str, shared: set[str], private: set[str]) -> None:
    """Counters (num_batches_tracked) do neither: a mean of counters means nothing."""
    assert set(shared_tensors(network(), policy)) == shared
    assert private_names(network(), policy) == private


def test_a_batchnorm_without_statistics_has_none_to_keep() -> None:
    model = nn.Sequential(nn.BatchNorm1d(4, track_running_stats=False))
    assert private_names(model, "statistics_local") == set()
    assert private_names(model, "local") == {"0.weight", "0.bias"}


def test_shared_tensors_are_the_models_own() -> None:
    model = network()
    shared_tensors(model, "average")["0.weight"].data.fill_(7)
    assert (model[0].weight == 7).all()  # type: ignore[index,union-attr]


def test_loading_writes_into_the_model_and_leaves_the_rest_alone() -> None:
    model = network()
    live = shared_tensors(model, "statistics_local")
    place = live["0.weight"].data_ptr()
    load_tensors(live, {name: np.full(tensor.shape, 3.0, np.float32) for name, tensor in live.items()})
    assert (model[0].weight == 3).all()  # type: ignore[index,union-attr]
    assert (model[1].running_mean == 0).all()  # type: ignore[index,union-attr]
    assert live["0.weight"].data_ptr() == place
    assert live["0.weight"].requires_grad
    assert live["0.weight"].grad_fn is None


def test_arrays_from_shared_memory_are_loaded_without_a_warning() -> None:
    live = shared_tensors(network(), "average")
    arrays = copy_arrays(live)
    for array in arrays.values():
        array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_tensors(live, arrays)


def test_a_missing_array_and_another_shape_are_named_and_nothing_is_changed() -> None:
    live = shared_tensors(network(), "average")
    before, zeros = copy_arrays(live), {name: np.zeros_like(array) for name, array in copy_arrays(live).items()}
    with pytest.raises(ValueError, match=r"array 4.bias is missing from the received model"):
        load_tensors(live, {name: array for name, array in zeros.items() if name != "4.bias"})
    with pytest.raises(ValueError, match=r"array 4.bias: received shape \(3,\), expected \(2,\)"):
        load_tensors(live, zeros | {"4.bias": np.zeros(3, np.float32)})
    assert all(np.array_equal(before[name], array) for name, array in copy_arrays(live).items())


def test_copies_are_independent_and_contiguous() -> None:
    model = network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    live = shared_tensors(model, "average")
    arrays = copy_arrays(live)
    before = {name: array.copy() for name, array in arrays.items()}
    load_tensors(live, {name: np.zeros_like(array) for name, array in arrays.items()})
    assert all(np.array_equal(arrays[name], before[name]) for name in arrays)
    assert all(array.flags.c_contiguous for array in arrays.values())


def test_what_is_copied_out_and_loaded_again_is_the_same_bit_for_bit() -> None:
    first, second = network(), network()
    load_tensors(shared_tensors(second, "average"), copy_arrays(shared_tensors(first, "average")))
    for name, tensor in shared_tensors(first, "average").items():
        assert torch.equal(tensor, shared_tensors(second, "average")[name])
