"""Which tensors of a backbone travel: BatchNorm as a policy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fedreid.models.flat import FlatArrays, FlatTensors

STATISTICS = ("running_mean", "running_var")


def shared_tensors(model: nn.Module, batchnorm: str, private_layers: Sequence[str] = ()) -> dict[str, Tensor]:
    """The live tensors that cross between server and clients, by name.

    Integer buffers never do: strategies average every array alike, and a mean of counters means nothing.

    Args:
        batchnorm: "average" (everything travels), "local" (no BatchNorm tensor does, as in FedBN, Li et al., ICLR
            2021), or "statistics_local" (scale and shift travel, running statistics stay).
        private_layers: modules of which nothing travels (FedPer).

    Raises:
        ValueError: a layer that the model doesn't have, or none left to share.
    """
    kept = private_names(model, batchnorm, private_layers)
    return {
        name: tensor
        for name, tensor in model.state_dict(keep_vars=True).items()
        if name not in kept and tensor.is_floating_point()
    }


def private_names(model: nn.Module, batchnorm: str, private_layers: Sequence[str] = ()) -> set[str]:
    """Names of the tensors that stay with each client: BatchNorm's under this policy, and those of private layers.

    Raises:
        ValueError: a layer that the model doesn't have.
    """
    names = layer_names(model, private_layers)
    if batchnorm == "average":
        return names
    for prefix, module in model.named_modules():
        if isinstance(module, _BatchNorm):
            own = STATISTICS if batchnorm == "statistics_local" else (*STATISTICS, "weight", "bias")
            names |= {f"{prefix}.{name}" for name in own if getattr(module, name, None) is not None}
    return names


def layer_names(model: nn.Module, layers: Sequence[str]) -> set[str]:
    """Names of the floating-point tensors in some modules of a model.

    Raises:
        ValueError: a module that the model doesn't have.
    """
    modules = dict(model.named_modules())
    names: set[str] = set()
    for layer in layers:
        if not layer or layer not in modules:
            raise ValueError(f"the backbone has no layer {layer!r}; it has {', '.join(dict(model.named_children()))}")
        found = modules[layer].state_dict()
        names |= {f"{layer}.{name}" for name, tensor in found.items() if tensor.is_floating_point()}
    return names


@torch.no_grad()
def load_tensors(target: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> None:
    """Overwrite live tensors with arrays of the same names and shapes, in place.

    Raises:
        ValueError: naming a missing array or a different shape.
    """
    if isinstance(target, FlatTensors) and isinstance(arrays, FlatArrays) and arrays.layout == target.layout:
        target.block.copy_(_as_tensor(arrays.block))
        return
    sources = []
    for name, tensor in target.items():
        if name not in arrays:
            raise ValueError(f"array {name} is missing from the received model")
        if arrays[name].shape != tuple(tensor.shape):
            raise ValueError(f"array {name}: received shape {arrays[name].shape}, expected {tuple(tensor.shape)}")
        sources.append(_as_tensor(arrays[name]))
    torch._foreach_copy_(list(target.values()), sources)


def _as_tensor(array: np.ndarray) -> Tensor:
    if array.flags.writeable:
        return torch.from_numpy(array)
    with warnings.catch_warnings():  # arrays from shared memory are read-only, and are only read here
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def copy_arrays(tensors: Mapping[str, Tensor]) -> Mapping[str, np.ndarray]:
    """Live tensors -> independent numpy arrays of the same names; in one block if the tensors are."""
    if isinstance(tensors, FlatTensors):
        return FlatArrays(tensors.layout, tensors.block.detach().cpu().numpy().copy())
    return {name: tensor.detach().cpu().contiguous().numpy().copy() for name, tensor in tensors.items()}
