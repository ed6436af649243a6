"""How the share of zeroed filters grows over the epochs of progressive soft pruning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

REACHED = 0.75
"""The share of the goal that is reached at the fraction `decay` of the epochs."""


@dataclass(frozen=True)
class ProgressiveRate:
    """P'(e) = a exp(-k e) + b through (0, 0), (D E, 3/4 P) and (E, P).

    He et al., Asymptotic soft filter pruning for deep convolutional neural networks, IEEE Transactions on Cybernetics
    2020; algorithm 1 of "Exploiting prunability for person re-identification", arXiv 1907.02547.

    Attributes:
        goal: P, the share of filters to lose, from 0 to below 1.
        epochs: E, at least 1. The rate is taken after epoch e = 1..E, so that the last is the goal.
        decay: D, from 0 to .75, both excluded: at .75 the curve would be a straight line.

    Raises:
        ValueError: one of them outside its range.
    """

    goal: float
    epochs: int
    decay: float = 1 / 8

    def __post_init__(self) -> None:
        if not 0 <= self.goal < 1:
            raise ValueError(f"the share of filters to remove must be from 0 to below 1, found {self.goal}")
        if self.epochs < 1:
            raise ValueError(f"progressive pruning takes at least 1 epoch, found {self.epochs}")
        if not 0 < self.decay < REACHED:
            raise ValueError(f"the decay must be above 0 and below {REACHED}, found {self.decay}")

    @property
    def k(self) -> float:
        """The exponential's rate, for one epoch."""
        return _total_decay(self.decay) / self.epochs

    @property
    def b(self) -> float:
        """What the rate would tend to; a = -b."""
        return self.goal / -math.expm1(-_total_decay(self.decay))

    def __call__(self, epoch: float) -> float:
        """The share of filters that are zero after this epoch (1 to `epochs`)."""
        if not 0 <= epoch <= self.epochs:
            raise ValueError(f"expected an epoch from 0 to {self.epochs}, found {epoch}")
        return min(self.goal, self.b * -math.expm1(-self.k * epoch))


@lru_cache(maxsize=64)
def _total_decay(decay: float) -> float:
    """k E, from u = exp(-k D E): the root below 1 of 1 - u = 3/4 (1 - u^(1/D)).

    The difference of both sides is convex in u, 1/4 at u = 0 and 0 at u = 1: left of its lowest point it crosses zero
    once, and bisection needs nothing else.
    """
    low, high = 0.0, (decay / REACHED) ** (decay / (1 - decay))
    while (middle := (low + high) / 2) not in (low, high):
        if 1 - middle > REACHED * (1 - middle ** (1 / decay)):
            low = middle
        else:
            high = middle
    return -math.log(high) / decay
