"""What a network costs: multiplications, parameters, memory; and what the removal of one channel saves of each.

The definitions are those by which all budgets are stated, and never mixed with another counter's: of the same
ResNet-50, torch-pruning's counter finds .8 % more operations than this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from fedreid.pruning.groups import HEAD, ChannelGroup, check_groups
from fedreid.pruning.layer import Layer
from fedreid.pruning.layers import layers_of, resized

BYTES = 4  # of a float32


@dataclass(frozen=True)
class Costs:
    """Costs of one network.

    Attributes:
        macs: multiply-accumulate operations of convolutions and linear layers for one image; what other layers do
            (BatchNorm, rectifiers, pooling) and the additions of biases don't count.
        params: learnable values: weights, biases, two for each channel of a BatchNorm.
        activations: what training keeps of each image for its backward pass, in values of four bytes: whatever
            autograd saves of feature maps, each once (an index of a pooling's maximum is two values).
        largest_pass: values that go into and come out of one layer, for the layer with the most.
    """

    macs: int
    params: int
    activations: int
    largest_pass: int

    def training_memory(self, batch_size: int, *, optimiser_slots: int = 1) -> int:
        """Bytes: weights, their gradients, what the optimiser keeps for each, and the activations of a batch.

        Args:
            optimiser_slots: 0 for plain SGD, 1 for momentum, 2 for Adam.

        Raises:
            ValueError: no image, or fewer than no slots.
        """
        if batch_size < 1 or optimiser_slots < 0:
            raise ValueError(
                f"expected a batch of at least 1 and at least 0 slots, found {batch_size} and {optimiser_slots}"
            )
        return BYTES * (self.params * (2 + optimiser_slots) + batch_size * self.activations)

    @property
    def inference_memory(self) -> int:
        """Bytes: weights, and what goes into and comes out of the largest layer for one image."""
        return BYTES * (self.params + self.largest_pass)

    def amount(self, resource: str, *, batch_size: int = 32, optimiser_slots: int = 1) -> int:
        """The consumption of one of `RESOURCES`, by name.

        Raises:
            ValueError: an unknown name.
        """
        amounts = {
            "macs": self.macs,
            "params": self.params,
            "training_memory": self.training_memory(batch_size, optimiser_slots=optimiser_slots),
            "inference_memory": self.inference_memory,
        }
        if resource not in amounts:
            raise ValueError(f"resource must be one of {', '.join(RESOURCES)}; found {resource}")
        return amounts[resource]


RESOURCES = ("macs", "params", "training_memory", "inference_memory")


def count(model: nn.Module, image_size: tuple[int, int], *, include_head: bool = True, colours: int = 3) -> Costs:
    """The costs of a network for images of this height and width.

    Args:
        include_head: whether the embedding head counts. Published figures of ResNets are without it.
        colours: channels of an image.

    Raises:
        ValueError: a layer whose costs aren't known.
    """
    return total(layers_of(model, image_size, without=() if include_head else head_of(model), colours=colours))


def head_of(model: nn.Module) -> tuple[str, ...]:
    """The modules of the embedding head that the model has."""
    return tuple(name for name, _ in model.named_children() if name in HEAD)


def total(layers: Iterable[Layer]) -> Costs:
    """The costs of a network with these layers."""
    layers = tuple(layers)
    return Costs(
        macs=sum(layer.macs for layer in layers),
        params=sum(layer.params for layer in layers),
        activations=sum(layer.activations for layer in layers),
        largest_pass=max((layer.input_elements + layer.output_elements for layer in layers), default=0),
    )


def costs_with(layers: Sequence[Layer], groups: Sequence[ChannelGroup], widths: Mapping[str, int]) -> Costs:
    """The costs of the same network with other numbers of channels, without building it.

    Args:
        layers: `layers_of` the network with the groups' widths.
        widths: channels left in some groups (such as `ChannelMap.kept_widths`); the others stay.
    """
    return total(resized(layers, groups, widths))


def savings(layers: Sequence[Layer], groups: Sequence[ChannelGroup]) -> dict[str, Costs]:
    """What one channel less of each group would save: counted again, not by formula. The same for all its channels.

    Args:
        layers: of the network as it is now.
        groups: as wide as they are now.
    """
    now = total(layers)
    return {
        group.name: _difference(now, costs_with(layers, [group], {group.name: group.width - 1})) for group in groups
    }


def impacts(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    image_size: tuple[int, int],
    *,
    resources: Sequence[str] = ("macs", "params"),
    include_head: bool = True,
    batch_size: int = 32,
    optimiser_slots: int = 1,
) -> dict[str, dict[str, float]]:
    """r_i(f) of eq. 6.6 of the dissertation: the share of what the network costs now that one channel less saves.

    Args:
        model: as it is now, pruned or not.
        groups: as wide as they are now.
        resources: names from `RESOURCES`.
        include_head: whether the embedding head counts.

    Returns:
        For each group and resource the share, the same for every channel of the group. Where a channel isn't in the
        largest layer it saves inference memory of its parameters alone.

    Raises:
        ValueError: a resource or a layer whose costs aren't known, or groups that aren't this model's.
    """
    check_groups(model, groups)
    layers = layers_of(model, image_size, without=() if include_head else head_of(model))
    return impacts_of(layers, groups, resources=resources, batch_size=batch_size, optimiser_slots=optimiser_slots)


def impacts_of(
    layers: Sequence[Layer],
    groups: Sequence[ChannelGroup],
    *,
    resources: Sequence[str] = ("macs", "params"),
    batch_size: int = 32,
    optimiser_slots: int = 1,
) -> dict[str, dict[str, float]]:
    """`impacts` from layers that are known already: what a loop of many steps calls, with widths that shrink.

    Raises:
        ValueError: an unknown resource, or a network that consumes nothing of one.
    """
    now = total(layers)
    options = {"batch_size": batch_size, "optimiser_slots": optimiser_slots}
    consumption = {resource: now.amount(resource, **options) for resource in resources}
    if nothing := [resource for resource, amount in consumption.items() if amount == 0]:
        raise ValueError(f"the network consumes no {', '.join(nothing)}: no share of it can be saved")
    found = {}
    for group in groups:
        smaller = costs_with(layers, [group], {group.name: group.width - 1})
        found[group.name] = {
            resource: (amount - smaller.amount(resource, **options)) / amount
            for resource, amount in consumption.items()
        }
    return found


def _difference(before: Costs, after: Costs) -> Costs:
    return Costs(
        macs=before.macs - after.macs,
        params=before.params - after.params,
        activations=before.activations - after.activations,
        largest_pass=before.largest_pass - after.largest_pass,
    )
