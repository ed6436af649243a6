"""How much quality a group costs for each unit of what its filters cost: eq. 5.6 of the dissertation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.layers import layers_of

SensitivityCost = Literal["kernel", "params", "macs"]


def sensitivity(drop: float, rate: float, cost: float) -> float:
    """PS = ΔD / (Δr · cost). Negative where retraining gained more than pruning lost.

    Args:
        drop: ΔD, the quality lost by removing more filters.
        rate: Δr, the share of filters removed for it, above 0.
        cost: W·H·C of the filters, as eq. 5.6 has it, or another of `filter_cost`.
    """
    return drop / (rate * cost)


def filter_cost(
    model: nn.Module, group: ChannelGroup, kind: SensitivityCost, positions: Mapping[str, int] | None = None
) -> float:
    """What divides the drop: at the model's current widths, added up over the producers of a group.

    Args:
        kind: "kernel": kernel height x width x input channels, as printed; "params": times the filters; "macs": times
            the places of the output as well.
        positions: `output_positions`, for "macs".

    Raises:
        ValueError: an unknown kind, or "macs" without positions.
    """
    if kind not in get_args(SensitivityCost):
        raise ValueError(f"ps_cost must be one of {', '.join(get_args(SensitivityCost))}; found {kind}")
    if kind == "macs" and positions is None:
        raise ValueError("the size of the images is needed for sensitivities by macs")
    cost = 0.0
    for layer in group.producers:
        weight = model.get_submodule(layer).weight
        assert isinstance(weight, Tensor)
        own = weight[0].numel()
        if kind != "kernel":
            own *= len(weight)
        if kind == "macs" and positions is not None:
            own *= positions[layer]
        cost += own
    return cost


def output_positions(model: nn.Module, groups: Sequence[ChannelGroup], image_size: tuple[int, int]) -> dict[str, int]:
    """Places of the feature map that each producer emits; pruning leaves them alone."""
    found = {layer.name: math.prod(layer.output_size) for layer in layers_of(model, image_size)}
    return {layer: found[layer] for group in groups for layer in group.producers}
