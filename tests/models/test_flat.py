"""A model's tensors in one block of memory."""

from __future__ import annotations

import pickle

import numpy as np
import torch
from torch import nn

from fedreid.models.flat import ALIGNMENT, FlatArrays, FlatTensors, Layout, flattened
from fedreid.models.sharing import copy_arrays, load_tensors, shared_tensors


def network() -> nn.Module:
    """A convolution whose weights lie channels last, BatchNorm and a linear layer."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(5, 2))
    return model.to(memory_format=torch.channels_last)


def test_the_model_computes_the_same_and_trains_in_the_block():
    plain, flat = network(), network()
    tensors = flattened(shared_tensors(flat, "average"))
    assert isinstance(tensors, FlatTensors)
    images = torch.randn(4, 3, 3, 3)
    for model in (plain, flat):
        optimiser = torch.optim.SGD(model.parameters(), 0.1, fused=True)
        model(images).square().sum().backward()
        optimiser.step()
    for name, tensor in shared_tensors(plain, "average").items():
        torch.testing.assert_close(tensors[name], tensor)
    assert torch.equal(tensors.block[: 3 * 3 * 3 * 5], flat[0].weight.permute(0, 2, 3, 1).reshape(-1))


def test_channels_last_weights_stay_channels_last():
    model = network()
    flattened(shared_tensors(model, "average"))
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert not model[0].weight.is_contiguous()


def test_each_tensor_starts_on_a_cache_line():
    tensors = flattened(shared_tensors(network(), "average"))
    assert isinstance(tensors, FlatTensors)
    assert all(offset % ALIGNMENT == 0 for offset in tensors.layout.offsets)
    assert tensors.layout.values == sum(tensor.numel() for tensor in tensors.values())


def test_a_copy_is_independent_and_comes_back():
    model = network()
    live = flattened(shared_tensors(model, "average"))
    copied = copy_arrays(live)
    assert isinstance(copied, FlatArrays)
    before = {name: array.copy() for name, array in copied.items()}
    with torch.no_grad():
        for tensor in live.values():
            tensor.fill_(7)
    assert all(np.array_equal(copied[name], array) for name, array in before.items())
    load_tensors(live, copied)
    assert all(np.array_equal(tensor.detach().numpy(), before[name]) for name, tensor in live.items())


def test_arrays_of_other_layouts_are_loaded_by_name():
    live = flattened(shared_tensors(network(), "average"))
    arrays = {name: np.full(tensor.shape, 3.0, np.float32) for name, tensor in reversed(live.items())}
    load_tensors(live, arrays)
    assert all((tensor == 3).all() for tensor in live.values())


def test_tensors_of_several_types_stay_as_they_are():
    mixed = {"one": torch.ones(2), "two": torch.ones(2, dtype=torch.float64)}
    assert not isinstance(flattened(mixed), FlatTensors)
    assert flattened({}) == {}


def layout_of_model(*names: str) -> Layout:
    found = flattened({name: torch.zeros(2, 3) for name in names})
    assert isinstance(found, FlatTensors)
    return found.layout


def test_a_layout_is_one_object_in_a_process_wherever_it_came_from():
    layout, again = (layout_of_model("weight", "bias") for _ in range(2))
    assert pickle.loads(pickle.dumps(layout)) is layout is again
    assert layout_of_model("weight", "offset") != layout
    assert hash(layout) == hash(Layout(layout.names, layout.shapes, layout.strides, layout.offsets, layout.size))
