"""Activation-form Taylor scores of every group of a model, from hooks on its layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fedreid.pruning.criteria.taylor_activation import normalised, taylor_activation
from fedreid.pruning.groups import ChannelGroup


class ActivationImpacts:
    """Mean activation-form scores over mini-batches; the model has to run, forward and backward, inside `watching`.

    A group's layers are its BatchNorms, or its producers where it has none. What they emit is taken before the
    rectifier: a · dL/da is the same on both sides of a ReLU or a PReLU. Each layer is normalised by itself; a group's
    score is the mean of its layers'.

    Args:
        model: the network.
        groups: of this network, as wide as it is now.
    """

    def __init__(self, model: nn.Module, groups: Sequence[ChannelGroup]) -> None:
        self._layers = {group.name: group.batchnorms or group.producers for group in groups}
        self._modules = {layer: model.get_submodule(layer) for layers in self._layers.values() for layer in layers}
        self._sums: dict[str, Tensor] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hooks are on the layers while this is open."""
        handles = [module.register_forward_hook(self._note(layer)) for layer, module in self._modules.items()]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def values(self) -> dict[str, Tensor]:
        """{group: (width,)}.

        Raises:
            ValueError: a layer that no gradient reached.
        """
        missing = [layer for layer in self._modules if layer not in self._sums]
        if missing:
            raise ValueError(f"no gradient reached {', '.join(missing)}: this criterion needs data, and a loss of it")
        return {
            name: torch.stack([normalised(self._sums[layer]) for layer in layers]).mean(0)
            for name, layers in self._layers.items()
        }

    def _note(self, layer: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if not output.requires_grad:
                return
            emitted = output.detach().clone()  # the network may add the shortcut to this tensor in place

            def keep(gradient: Tensor) -> None:
                found = taylor_activation(emitted, gradient)
                self._sums[layer] = self._sums[layer] + found if layer in self._sums else found

            output.register_hook(keep)

        return hook
