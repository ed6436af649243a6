"""How far a figure of points reaches: a bound far from all federations would press them into a corner."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

REACH = 1.0  # how far beyond the federations a bound still stands where it is, in lengths of what they take
LEAST = 2.0  # points that this length has at least: nothing is made of less
EDGE = 0.12  # lengths from there to the edge, where further ones are put
FEWEST = 2  # federations that are worth a closer look
ARROWS = {(1, 0): "→", (1, 1): "↗", (0, 1): "↑", (-1, 1): "↖", (-1, 0): "←", (-1, -1): "↙", (0, -1): "↓", (1, -1): "↘"}

Range = tuple[float, float]  # the lowest and the highest value of a variant


@dataclass(frozen=True)
class Reach:
    """What one axis shows, in percent; bounds beyond are drawn at its edge."""

    low: float = -math.inf
    high: float = math.inf

    def place(self, value: float) -> float:
        """Where a score is drawn."""
        return min(max(value, self.low), self.high)

    def way(self, value: float) -> int:
        """0 where that is its own place, else to which side it is further off: -1 or 1."""
        return (value > self.high) - (value < self.low)


def reach(federations: Sequence[Range], bounds: Sequence[Range]) -> Reach:
    """What an axis shows so that federations can be told apart.

    Args:
        federations: of each, its lowest and its highest value.
        bounds: the same of those that are no federations.
    """
    if len(federations) < FEWEST:
        return Reach()
    low, high = min(each[0] for each in federations), max(each[1] for each in federations)
    low, high = min(low, (low + high - LEAST) / 2), max(high, (low + high + LEAST) / 2)
    length = high - low
    near = [each for each in bounds if low - REACH * length <= each[0] and each[1] <= high + REACH * length]
    bottom, top = min([low, *(each[0] for each in near)]), max([high, *(each[1] for each in near)])
    return Reach(bottom - EDGE * length, top + EDGE * length)


def arrow(right: int, up: int) -> str:
    """Behind a name: ↗ where a score is off in both, → or ↑ in one, nothing where it stands in its place."""
    return f" {ARROWS[right, up]}" if (right, up) in ARROWS else ""
