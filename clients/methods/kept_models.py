"""Whole models in a client's private state: its previous one, or one of its own beside the federation's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

PREVIOUS, PERSONAL = "previous.", "personal."  # in front of the tensors' names


def kept(model: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Copies of a model's floating-point tensors, for the private state."""
    return {prefix + name: tensor.detach().clone() for name, tensor in floats(model).items()}


@torch.no_grad()
def load_kept(model: nn.Module, prefix: str, state: Mapping[str, Tensor]) -> bool:
    """Overwrite a model with one from the private state; False, and nothing changed, if there is none."""
    saved = {name[len(prefix) :]: tensor for name, tensor in state.items() if name.startswith(prefix)}
    if saved:
        copy_tensors(floats(model), saved)
    return bool(saved)


@torch.no_grad()
def copy_tensors(target: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Overwrite tensors by those of the same names, which may lie on another device."""
    torch._foreach_copy_(list(target.values()), [source[name] for name in target])


def floats(model: nn.Module) -> dict[str, Tensor]:
    """A model's floating-point tensors; counters of batches mean nothing to anybody else."""
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
