"""Watching one forward pass: which layers it uses, and what autograd keeps of it for the backward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from fedreid.pruning.layer import Layer, record_of

WORD = 4  # bytes of a value
IMAGES = 2  # in the pass: of a single one, a map of one place counts as contiguous in every order, and isn't copied


class Trace:
    """Takes notes during a pass of `IMAGES` images.

    Args:
        names: of the layers to record.

    Attributes:
        layers: one record for each use of a layer so far, without activations.
    """

    def __init__(self, names: Mapping[nn.Module, str]) -> None:
        self.names, self.layers = names, list[Layer]()
        self._feature_maps: list[tuple[Tensor, Tensor]] = []  # into and out of each layer; held, so that none of them
        self._saved: list[tuple[Tensor, int]] = []  # can have another's memory; and how many layers came before
        self._ignored: list[Tensor] = []
        self._is_paused = False

    @contextmanager
    def following(self, left_out: Iterable[nn.Module]) -> Iterator[None]:
        """Listen to the layers; what happens in the modules left out doesn't count."""
        hooks = [module.register_forward_hook(self._record) for module in self.names]
        for module in left_out:
            hooks.append(module.register_forward_pre_hook(lambda *_: self._pause(True)))
            hooks.append(module.register_forward_hook(lambda *_: self._pause(False)))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def ignore(self, tensors: Iterable[Tensor]) -> None:
        """Parameters and buffers: kept anyway."""
        self._ignored += tensors

    def save(self, tensor: Tensor) -> Tensor:
        """What autograd calls with each tensor that it keeps."""
        if tensor.dim() > 1 and not self._is_paused:  # others are BatchNorm's statistics
            self._saved.append((tensor, len(self.layers)))
        return tensor

    def layers_with_activations(self) -> tuple[Layer, ...]:
        """The layers, each with what is kept of its inputs and outputs.

        A tensor that is neither (the places of a pooling's maxima, say) belongs to the layer before it: with its
        outputs if it has as many channels, and by itself if not.
        """
        layers = list(self.layers)
        owners = {_memory(output): (number, "kept_outputs") for number, (_, output) in enumerate(self._feature_maps)}
        for number, (feature_map, _) in enumerate(self._feature_maps):
            owners.setdefault(_memory(feature_map), (number, "kept_inputs"))
        done = {_memory(tensor) for tensor in self._ignored}
        for tensor, position in self._saved:
            if (memory := _memory(tensor)) in done:
                continue
            done.add(memory)
            before = max(position - 1, 0)
            has_channels = tensor.shape[1] == layers[before].outputs if layers else False
            number, side = owners.get(memory, (before, "kept_outputs" if has_channels else "kept_besides"))
            layers[number] = _with_kept(layers[number], side, tensor)
        return tuple(layers)

    def _record(self, module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if output.dim() == 4:  # as with values; without, convolutions give another order, and layers copy it
            output = output.contiguous(memory_format=torch.channels_last)
        name, feature_map = self.names[module], arguments[0]
        self.layers.append(
            replace(
                record_of(name, module),
                input_size=tuple(feature_map.shape[2:]),
                output_size=tuple(output.shape[2:]),
                is_first_use=all(layer.name != name for layer in self.layers),
            )
        )
        self._feature_maps.append((feature_map, output))
        return output

    def _pause(self, is_paused: bool) -> None:
        self._is_paused = is_paused


def _with_kept(layer: Layer, side: str, tensor: Tensor) -> Layer:
    channels = {"kept_inputs": layer.inputs, "kept_outputs": layer.outputs, "kept_besides": 1}[side]
    values = tensor.numel() * tensor.element_size() // (WORD * IMAGES)
    return replace(layer, **{side: getattr(layer, side) + values // channels})  # type: ignore[arg-type]


def _memory(tensor: Tensor) -> int:
    """Which block of memory it lies in: an address doesn't tell, where there are no values."""
    return tensor.untyped_storage()._cdata
