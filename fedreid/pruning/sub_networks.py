"""Physically small networks: a large one cut down in place, in a copy, or never made."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from fedreid.models import build as models
from fedreid.pruning.groups import ChannelGroup, architecture_of, check_groups, groups_of, with_widths
from fedreid.pruning.maps import ChannelMap, TensorMap, tensor_map
from fedreid.pruning.slicing import slice_state, sliced
from fedreid.scenario.schema import ModelSettings

Model = TypeVar("Model", bound=nn.Module)


def sub_network(
    settings: ModelSettings,
    channel_map: ChannelMap,
    *,
    image_size: tuple[int, int] | None = None,
    state: Mapping[str, Tensor] | None = None,
    generator: torch.Generator | None = None,
) -> models.Backbone:
    """A small network by itself, on the CPU, channels last: its layers are as wide as the map says.

    The full network never takes memory: only its shapes are made.

    Args:
        settings: of the full network, the scenario's `model`.
        channel_map: of a sub-network of it.
        image_size: height and width of the images; only a SphereNet needs it.
        state: the full network's state dict, of which it gets its slice; None: random values.
        generator: draws the random values; None: one seeded with 0.

    Raises:
        ValueError: the map is of another network, or the state is.
    """
    with torch.device("meta"):
        model = models.empty_network(settings, image_size)
    architecture = architecture_of(model)
    if channel_map.architecture != architecture:
        raise ValueError(f"the map is of {channel_map.architecture}, the network is {architecture}")
    groups = groups_of(model, frozen=())
    narrow(model, groups, channel_map)
    model.to_empty(device="cpu")
    if state is None:
        model.initialise(generator or torch.Generator().manual_seed(0))
    else:
        try:
            model.load_state_dict(slice_state(state, tensor_map(groups, channel_map)))
        except RuntimeError as error:
            raise ValueError(f"the state is of another network than the map: {error}") from error
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def narrowed(model: Model, groups: Sequence[ChannelGroup], channel_map: ChannelMap) -> Model:
    """A physically smaller copy of a network with its values; the network stays as it is.

    Args:
        model: any network.
        groups: of this model, as wide as it is.
        channel_map: of this model: its widths are the groups'.
    """
    smaller = copy.deepcopy(model)
    narrow(smaller, groups, channel_map)
    return smaller


def narrow(model: nn.Module, groups: Sequence[ChannelGroup], channel_map: ChannelMap) -> tuple[ChannelGroup, ...]:
    """Remove channels from a network, in place.

    Parameters that shrink become new ones, without gradients: an optimiser has to be made anew. The map counts from
    this model: to prune a pruned one further, take `full_map` of its own groups `without` what goes, and compose the
    lasting map beside it.

    Returns:
        The groups, as wide as they are now.

    Raises:
        ValueError: the groups or the map aren't of this model; it is then as it was.
    """
    check_groups(model, groups)
    tensors = tensor_map(groups, channel_map)
    touched = {key.rpartition(".")[0] for key in tensors}
    with torch.no_grad():
        for name in touched:
            _cut(model.get_submodule(name), name, tensors)
    return with_widths(groups, channel_map.kept_widths)


def _cut(module: nn.Module, name: str, tensors: TensorMap) -> None:
    """Slice a layer's tensors, and say so in its attributes."""
    is_depthwise = isinstance(module, nn.Conv2d) and module.groups > 1
    for own, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
        if (key := f"{name}.{own}") in tensors:
            smaller = sliced(tensor.detach(), *tensors[key], key=key)
            is_parameter = isinstance(tensor, nn.Parameter)
            setattr(module, own, nn.Parameter(smaller, tensor.requires_grad) if is_parameter else smaller)
    if isinstance(module, nn.Conv2d):
        module.out_channels = module.weight.shape[0]
        module.groups = module.out_channels if is_depthwise else 1
        module.in_channels = module.weight.shape[1] * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        module.num_features = module.weight.shape[0]
    elif isinstance(module, nn.PReLU):
        module.num_parameters = module.weight.shape[0]
    else:
        raise ValueError(f"can't remove channels from {name}: {type(module).__name__}")
