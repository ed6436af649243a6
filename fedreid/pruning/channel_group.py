"""Channel groups: which layers lose the same channel together.

A channel of a network is spread over several layers: the convolutions that produce it, their BatchNorms, and every
layer that reads it. Where a sum joins several convolutions (the blocks of a residual stage) all of them lose it
together. A group of any network can be written down by hand; `groups_of` has those of our backbones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch import nn


def _is_dense(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)


ROLES: Mapping[str, Callable[[nn.Module], bool]] = {
    "producers": _is_dense,
    "consumers": _is_dense,
    "batchnorms": lambda module: isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d),
    "depthwise": lambda module: isinstance(module, nn.Conv2d) and module.groups == module.in_channels,
    "slopes": lambda module: isinstance(module, nn.PReLU),
}
"""What a layer in each role of a group has to be."""


@dataclass(frozen=True)
class ChannelGroup:
    """Layers that lose the same channel index together; all of them named as in `model.named_modules()`.

    Attributes:
        name: "stem", "layer1" (a residual stage's output) or the name of the layer that produces the channels.
        width: channels.
        producers: convolutions (and linear layers) of which they are the outputs.
        consumers: convolutions and linear layers of which they are the inputs.
        batchnorms: on these channels.
        depthwise: convolutions that work on each channel by itself.
        slopes: PReLUs on these channels.
        positions: of a consumer behind a flattened feature map, how many inputs each channel has; others have 1.

    Raises:
        ValueError: no channels, no producer, or a layer that is named twice in one role.
    """

    name: str
    width: int
    producers: tuple[str, ...]
    consumers: tuple[str, ...] = ()
    batchnorms: tuple[str, ...] = ()
    depthwise: tuple[str, ...] = ()
    slopes: tuple[str, ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ValueError(f"group {self.name}: at least 1 channel is needed, found {self.width}")
        if not self.producers:
            raise ValueError(f"group {self.name}: at least 1 producer is needed, found none")
        for role in (self.producers, self.consumers, self.batchnorms, self.depthwise, self.slopes):
            if len(set(role)) < len(role):
                raise ValueError(f"group {self.name}: a layer is named twice in {', '.join(role)}")


def check_groups(model: nn.Module, groups: Sequence[ChannelGroup]) -> None:
    """Compare the groups with the model's layers.

    Raises:
        ValueError: a layer that the model doesn't have, that has another width than its group or can't have this role
            in it (a convolution in several groups is no producer); two groups of one name.
    """
    modules = dict(model.named_modules())
    if len({group.name for group in groups}) < len(groups):
        raise ValueError(f"two groups have one name: {', '.join(group.name for group in groups)}")
    for group in groups:
        for layer, found, expected in _widths(group, modules):
            if found != expected:
                raise ValueError(f"group {group.name}: layer {layer} has {found} channels, expected {expected}")
        for role, may in ROLES.items():
            for layer in getattr(group, role):
                if not may(modules[layer]):
                    raise ValueError(f"group {group.name}: layer {layer} can't be one of the {role}: {modules[layer]}")


def with_widths(groups: Iterable[ChannelGroup], widths: Mapping[str, int]) -> tuple[ChannelGroup, ...]:
    """The same groups with other widths; those without an entry stay as they are."""
    return tuple(replace(group, width=widths.get(group.name, group.width)) for group in groups)


def _widths(group: ChannelGroup, modules: Mapping[str, nn.Module]) -> list[tuple[str, object, int]]:
    """(layer, channels found, channels expected) of every member."""
    outputs = (*group.producers, *group.batchnorms, *group.depthwise, *group.slopes)
    sides = [(layer, 0, group.width) for layer in outputs]
    sides += [(layer, 1, group.width * group.positions.get(layer, 1)) for layer in group.consumers]
    found: list[tuple[str, object, int]] = []
    for layer, side, expected in sides:
        if layer not in modules:
            raise ValueError(f"group {group.name}: the model has no layer {layer}")
        weight = getattr(modules[layer], "weight", None)
        shape = tuple(weight.shape) if weight is not None else ()
        found.append((layer, shape[side] if len(shape) > side else "no", expected))
    return found
