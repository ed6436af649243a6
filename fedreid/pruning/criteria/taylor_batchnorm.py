"""Taylor by BatchNorm: what the loss would change, to first order, if a gate behind a BatchNorm closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

GroupMode = Literal["sum_of_squares", "square_of_sum", "shared_gate"]


def gate_gradient(scale: Tensor, shift: Tensor, scale_gradient: Tensor, shift_gradient: Tensor) -> Tensor:
    """s = γ·dL/dγ + β·dL/dβ, the gradient of a gate at 1 that multiplies a BatchNorm's output.

    Molchanov et al., Importance estimation for neural network pruning, CVPR 2019. Its square is the loss impact: first
    the sum, then the square.

    Args:
        scale: γ, (channels,).
        shift: β, (channels,).
        scale_gradient: of the batch-mean loss, read between `backward` and the optimiser's step.
        shift_gradient: of the same loss.
    """
    return scale.detach() * scale_gradient + shift.detach() * shift_gradient


def group_impact(gates: Sequence[Tensor], mode: GroupMode = "sum_of_squares") -> Tensor:
    """Loss impact of each channel of a group: the gate gradients of the layers that lose it together -> (channels,).

    Args:
        gates: one (channels,) for each layer of the group.
        mode: "sum_of_squares" is the dissertation's text, chapter 6; "square_of_sum" the settings that its authors'
            experiments use; "shared_gate" the square of the sum divided by the number of gates, for gates that stand
            behind each block's ReLU (Molchanov et al., CVPR 2019).

    Raises:
        ValueError: no layer, layers of different widths, or an unknown mode.
    """
    if mode not in get_args(GroupMode):
        raise ValueError(f"group mode must be one of {', '.join(get_args(GroupMode))}; found {mode}")
    widths = {len(gate) for gate in gates}
    if len(widths) != 1:
        raise ValueError(f"expected one gate gradient or more, all of one width; found widths {sorted(widths)}")
    stacked = torch.stack(list(gates))
    if mode == "sum_of_squares":
        return stacked.square().sum(0)
    squared = stacked.sum(0).square()
    return squared / len(gates) if mode == "shared_gate" else squared


class RunningMean:
    """Exponential mean over the mini-batches of one pruning step: E1 = l1, then E = .9 E + .1 l.

    It starts with the first value, not with zero. A new pruning step begins with a new one: the widths have changed.
    """

    def __init__(self, decay: float = 0.9) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay must be from 0 to below 1, found {decay}")
        self.decay = decay
        self.value: Tensor | None = None

    def update(self, impact: Tensor) -> Tensor:
        """Fold in one mini-batch's impact; returns the mean so far, which a later call changes in place."""
        if self.value is None:
            self.value = impact.clone()
        else:
            self.value.lerp_(impact, 1 - self.decay)
        return self.value
