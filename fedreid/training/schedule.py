"""Learning-rate schedules: (step, steps) -> factor on the peak rate."""

from __future__ import annotations

import math


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
