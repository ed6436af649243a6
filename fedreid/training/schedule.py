"""Learning-rate schedules: factors on the peak rate by (step, steps), and published recipes by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence


def warmup_cosine(step: int, steps: int, *, warmup: float = 0.05) -> float:
    """Linear warm-up, then cosine decay towards zero.

    Loshchilov and Hutter, SGDR, ICLR 2017 (one period).

    Args:
        step: from 0 to steps - 1.
        warmup: share of the steps that the rise takes.
    """
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise + 1) / (steps - rise + 1)))


def step_decay(step: int, steps: int, *, milestones: Sequence[float], factor: float = 0.1) -> float:
    """1, times `factor` at each milestone.

    Args:
        step: from 0 to steps - 1.
        milestones: shares of the steps after which the rate falls: 0.5 for the second half.
    """
    return factor ** sum(step >= round(milestone * steps) for milestone in milestones)


def warmup_then_steps(
    epoch: int,
    *,
    peak: float = 3e-2,
    warmup: int = 10,
    milestones: Sequence[int] = (150, 225),
    factor: float = 0.1,
) -> float:
    """Learning rate of an epoch: a linear rise to the peak, then a fall after each milestone.

    Eq. 5 of the compact re-ID network, whose 350 epochs the defaults are made for.

    Args:
        epoch: from 1, so that the first one already learns.
        warmup: epochs that the rise takes; the last of them is at the peak.
        milestones: last epoch before each fall.

    Raises:
        ValueError: an epoch below 1.
    """
    if epoch < 1:
        raise ValueError(f"epochs are counted from 1, found {epoch}")
    if epoch <= warmup:
        return peak * epoch / warmup
    return peak * factor ** sum(epoch > milestone for milestone in milestones)


def cosine_cycles(
    cycle: int, epoch: int, *, length: int = 35, peak: float = 3e-2, lowest: float = 0.0, decay: float = 0.7
) -> float:
    """Learning rate in repeated cosine falls, each from a lower peak than the one before.

    Loshchilov and Hutter, SGDR, ICLR 2017; after the 350 epochs of `warmup_then_steps` the compact re-ID network runs
    15 of these cycles, and collects its weights at the end of each.

    Args:
        cycle: from 0; its peak is `peak` * `decay`^cycle.
        epoch: of this cycle, from 0 to length - 1: it starts at the peak and ends a step above `lowest`.

    Raises:
        ValueError: a cycle below 0, or an epoch outside the cycle.
    """
    if cycle < 0:
        raise ValueError(f"cycles are counted from 0, found {cycle}")
    if not 0 <= epoch < length:
        raise ValueError(f"epoch must be 0 to {length - 1} in a cycle of {length}, found {epoch}")
    return lowest + (peak * decay**cycle - lowest) / 2 * (1 + math.cos(math.pi * epoch / length))
