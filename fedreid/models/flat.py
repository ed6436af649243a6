"""A model's tensors in one block of memory, so that receiving, copying, checking and averaging it is one operation.

A small network has dozens of tensors of a few hundred values; handled one by one, for a thousand clients in each round,
they cost more than their training does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

ALIGNMENT = 16  # values: every tensor starts on a cache line, as if it had been allocated by itself


@dataclass(frozen=True)
class Layout:
    """Where each tensor lies in the block: names, shapes, strides and offsets (both in values), size of the block.

    What crosses between processes is one object again at the other end, however often it comes (`layout_of`): two of
    them are compared for each client several times.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    strides: tuple[tuple[int, ...], ...]
    offsets: tuple[int, ...]
    size: int

    @cached_property
    def values(self) -> int:
        """Values of all tensors, without the gaps between them."""
        return sum(math.prod(shape) for shape in self.shapes)

    @cached_property
    def _hash(self) -> int:
        return hash((self.names, self.shapes, self.strides, self.offsets, self.size))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return (layout_of, (self.names, self.shapes, self.strides, self.offsets, self.size))


@lru_cache(maxsize=64)
def layout_of(
    names: tuple[str, ...],
    shapes: tuple[tuple[int, ...], ...],
    strides: tuple[tuple[int, ...], ...],
    offsets: tuple[int, ...],
    size: int,
    /,
) -> Layout:
    """The layout of these values; the same object each time."""
    return Layout(names, shapes, strides, offsets, size)


class FlatArrays(Mapping[str, np.ndarray]):
    """Arrays by name, all of them views of one block. A model that has been sent isn't changed any more.

    Args:
        layout: where they are.
        block: (layout.size,) of any type.
    """

    def __init__(self, layout: Layout, block: np.ndarray) -> None:
        self.layout, self.block = layout, block
        self.squared_length: float | None = None  # of the weights, once `models.distance` has worked it out

    @cached_property
    def views(self) -> dict[str, np.ndarray]:
        """The arrays."""
        item, layout = self.block.itemsize, self.layout
        return {
            name: np.ndarray(shape, self.block.dtype, self.block, offset * item, tuple(item * step for step in strides))
            for name, shape, strides, offset in zip(
                layout.names, layout.shapes, layout.strides, layout.offsets, strict=True
            )
        }

    def __getitem__(self, name: str) -> np.ndarray:
        return self.views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)


class FlatTensors(dict[str, Tensor]):
    """Live tensors by name, moved into one block: writing to the block changes the model, and the other way round."""

    def __init__(self, layout: Layout, block: Tensor, tensors: Mapping[str, Tensor]) -> None:
        super().__init__(tensors)
        self.layout, self.block = layout, block


def flattened(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Move live tensors (parameters and buffers of a model) into one block, in place.

    Tensors of several types or devices, and none at all, stay as they are.
    """
    kinds = {(tensor.dtype, tensor.device) for tensor in tensors.values()}
    if len(kinds) != 1:
        return dict(tensors)
    dense = {name: _dense(tensor.detach()) for name, tensor in tensors.items()}
    sizes = [-(-tensor.numel() // ALIGNMENT) * ALIGNMENT for tensor in dense.values()]
    offsets = [sum(sizes[:number]) for number in range(len(sizes))]
    layout = layout_of(
        tuple(dense),
        tuple(tuple(tensor.shape) for tensor in dense.values()),
        tuple(tensor.stride() for tensor in dense.values()),
        tuple(offsets),
        sum(sizes),
    )
    ((dtype, device),) = kinds
    block = torch.zeros(layout.size, dtype=dtype, device=device)
    for (name, tensor), offset in zip(tensors.items(), offsets, strict=True):
        view = block.as_strided(tensor.shape, dense[name].stride(), offset)
        view.copy_(tensor.detach())
        tensor.data = view
    return FlatTensors(layout, block, tensors)


def _dense(tensor: Tensor) -> Tensor:
    """The tensor, or a copy without gaps: channels-last weights keep their order."""
    is_dense = tensor.is_contiguous() or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
    return tensor if is_dense else tensor.contiguous()
