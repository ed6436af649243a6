"""The scoring half of a step of CAIE: train a few mini-batches and read the loss impacts off their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fedreid.pruning.criteria.gates import LossImpacts
from fedreid.pruning.criteria.taylor_batchnorm import GroupMode
from fedreid.pruning.groups import ChannelGroup

Loss = Callable[[nn.Module, Any], Tensor]
"""(model, mini-batch) -> the mean training loss."""


@dataclass(frozen=True)
class CaieOptions:
    """Settings of the loop; the defaults are those of the method's authors, but for `exact_last_step`.

    Attributes:
        batches_per_step: n, mini-batches that are scored before channels are removed.
        channels_per_step: m, group channels that go at a time. The method adds up the impacts of single channels,
            which holds for few at a time: leave it small.
        learning_rate: of SGD while scoring; the optimiser is made anew at each step.
        momentum: of SGD.
        weight_decay: of SGD.
        update_while_scoring: False: no tensor of the network changes but by removal, as on a server that scores on a
            public set.
        group_mode: see `group_impact`.
        decay: of the running mean over a step's mini-batches.
        minimum_share: the share of its channels that each group keeps whatever its scores.
        exact_last_step: False: the last step also removes all its channels, as in the paper.

    Raises:
        ValueError: a number of mini-batches or channels below 1.
    """

    batches_per_step: int = 30
    channels_per_step: int = 25
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 1e-4
    update_while_scoring: bool = True
    group_mode: GroupMode = "sum_of_squares"
    decay: float = 0.9
    minimum_share: float = 0.1
    exact_last_step: bool = True

    def __post_init__(self) -> None:
        if self.batches_per_step < 1 or self.channels_per_step < 1:
            raise ValueError(
                f"expected at least 1 mini-batch and 1 channel a step, found {self.batches_per_step} and "
                f"{self.channels_per_step}"
            )


def loss_impacts(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    batches: Iterator[Any],
    loss: Loss,
    options: CaieOptions,
    also_train: Sequence[nn.Parameter] = (),
) -> dict[str, Tensor]:
    """Loss impacts over the mini-batches of one step, which train the network unless the options say otherwise.

    What a client of a federation computes: one number for each group channel leaves it.

    Raises:
        UserError: a group without BatchNorm.
        ValueError: the mini-batches end, or a loss isn't finite.
    """
    reader = LossImpacts(model, groups, mode=options.group_mode, decay=options.decay)
    optimiser = torch.optim.SGD(
        [*model.parameters(), *also_train],
        lr=options.learning_rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
    )
    buffers = None if options.update_while_scoring else [buffer.clone() for buffer in model.buffers()]
    was_training = model.training
    model.train()
    with reader.watching():
        for number in range(options.batches_per_step):
            value = loss(model, _next(batches, number, options.batches_per_step))
            optimiser.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            reader.update()
            if options.update_while_scoring:
                optimiser.step()
    optimiser.zero_grad()
    model.train(was_training)
    for buffer, old in zip(model.buffers(), buffers or (), strict=buffers is not None):
        buffer.copy_(old)
    return _finite(reader.values())


def _next(batches: Iterator[Any], number: int, wanted: int) -> Any:
    try:
        return next(batches)
    except StopIteration:
        raise ValueError(
            f"CAIE needs data: the mini-batches ended after {number} of the {wanted} of a step; give an endless "
            "iterator"
        ) from None


def _finite(impacts: dict[str, Tensor]) -> dict[str, Tensor]:
    wrong = [name for name, value in impacts.items() if not bool(value.isfinite().all())]
    if wrong:
        raise ValueError(f"the loss impacts of {', '.join(wrong)} are not finite: the training diverged")
    return impacts
