"""The search of layer-wise pruning: which layer is next, and how far it goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from fedreid.pruning.criteria.by_weight import Reduction, WeightCriterion, weight_scores
from fedreid.pruning.schedules.records import Step
from fedreid.pruning.schedules.sensitivity import SensitivityCost, filter_cost, output_positions, sensitivity
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.selection import removal_order, whole

PROBE_RATE = 0.5
"""Smaller cuts heal when retrained and say little; and it is the first point of the search."""


@dataclass(frozen=True)
class CpoOptions:
    """Settings of layer-wise pruning.

    Attributes:
        criterion: ranks the filters of one layer, on the weights as they are when the layer is visited.
        retrain_epochs: after each removal.
        ps_cost: what the sensitivity is divided by, see `filter_cost`.
        image_size: height and width, for `ps_cost` "macs".
        roots: by group, the producer whose filters are ranked; an empty mapping: the shortcut convolution of a group
            that has one, as in the dissertation; None: the mean over all producers of a group.
        reference: the score of the original network; None: of the model given. For a further target after another.
    """

    criterion: WeightCriterion = "sparsity"
    retrain_epochs: int = 8
    ps_cost: SensitivityCost = "kernel"
    image_size: tuple[int, int] | None = None
    roots: Mapping[str, str] | None = None
    reference: float | None = None


@dataclass(frozen=True)
class Point:
    """A layer at one rate: the network, retrained; how many of the layer's channels are gone; the drop so far."""

    network: Shrinking
    rate: float
    count: int
    drop: float


class LayerwiseRun:
    """One run of the algorithm: the committed network, its drop, and the log."""

    def __init__(
        self,
        network: Shrinking,
        evaluate: Callable[[nn.Module], float],
        retrain: Callable[[nn.Module, int], None],
        options: CpoOptions,
    ) -> None:
        self.network, self.evaluate, self.retrain, self.options = network, evaluate, retrain, options
        self.steps: list[Step] = []
        size = options.image_size
        self.positions = output_positions(network.model, network.groups, size) if size else None
        now = self.score(network.model)
        self.reference = now if options.reference is None else options.reference
        self.drop = self.reference - now
        self.costs()  # refuses wrong options before any training

    def prune_to(self, target: float) -> None:
        """Visit every group once, the least sensitive first."""
        sensitivities = self.probe()
        while sensitivities:
            costs = self.costs()
            # Equal sensitivities: the group whose filters cost more; then the earlier one, as `min` takes the first.
            name = min(sensitivities, key=lambda group: (sensitivities[group], -costs[group]))
            del sensitivities[name]
            point = self.search(name, min(sensitivities.values(), default=math.inf), target)
            self.network, self.drop = point.network, point.drop
            self.note("commit", name, point, None)
            after = self.costs()  # the next layer's filters have fewer inputs now
            sensitivities = {group: value * costs[group] / after[group] for group, value in sensitivities.items()}

    def probe(self) -> dict[str, float]:
        """Sensitivity of each group when half of it goes, from the committed network, which stays as it is."""
        found, costs = {}, self.costs()
        for name, width in self.network.widths.items():
            if count := whole(width * PROBE_RATE):
                point = self.measure(self.start(), name, PROBE_RATE, count)
                found[name] = sensitivity(point.drop - self.drop, PROBE_RATE, costs[name])
                self.note("probe", name, point, found[name])
        return found

    def search(self, name: str, runner_up: float, target: float) -> Point:
        """How far a group goes: half, three quarters, seven eighths, until one of the three stop conditions."""
        width, cost = self.network.widths[name], self.costs()[name]
        previous, rate = self.start(), PROBE_RATE
        while True:
            count = whole(width * rate)
            if count <= previous.count or count >= width:  # stop 3: no filter left to remove
                return previous
            point = self.measure(previous, name, rate, count)
            value = sensitivity(point.drop - previous.drop, rate - previous.rate, cost)
            self.note("remove", name, point, value)
            if point.drop > target or value > runner_up:  # stops 1 and 2
                return self.step_back(name, previous, point, width, target)
            previous, rate = point, 1 - (1 - rate) / 2

    def step_back(self, name: str, previous: Point, beyond: Point, width: int, target: float) -> Point:
        """Half way back to the last good rate, from its weights, until the drop is acceptable.

        A rate that removes as many filters as the one before isn't tried again.
        """
        rate, tried = beyond.rate, beyond.count
        while True:
            rate = (rate + previous.rate) / 2
            count = whole(width * rate)
            if count <= previous.count:
                return previous
            if count == tried:
                continue
            point, tried = self.measure(previous, name, rate, count), count
            self.note("step back", name, point, None)
            if point.drop <= target:
                return point

    def start(self) -> Point:
        """The committed network, nothing of the next group removed."""
        return Point(self.network, 0.0, 0, self.drop)

    def measure(self, previous: Point, name: str, rate: float, count: int) -> Point:
        """Remove up to `count` channels of a group in all, retrain, and evaluate; on a copy."""
        network = previous.network.saved()
        group = [group for group in network.groups if group.name == name]
        roots = self.options.roots
        reduction: Reduction = "mean" if roots is None else "root"
        scores = weight_scores(network.model, group, self.options.criterion, reduction=reduction, roots=roots)[name]
        lowest = removal_order(scores)[: count - previous.count].tolist()
        network.remove([(name, index) for index in lowest])
        self.retrain(network.model, self.options.retrain_epochs)
        return Point(network, rate, count, self.reference - self.score(network.model))

    def costs(self) -> dict[str, float]:
        """What divides each group's drop, at the committed widths."""
        network, kind = self.network, self.options.ps_cost
        return {group.name: filter_cost(network.model, group, kind, self.positions) for group in network.groups}

    def score(self, model: nn.Module) -> float:
        score = float(self.evaluate(model))
        if not math.isfinite(score):
            raise ValueError(f"the score of a network must be a finite number, found {score}")
        return score

    def note(self, event: str, name: str, point: Point, value: float | None) -> None:
        figures = {"rate": point.rate, "drop": point.drop} | ({} if value is None else {"sensitivity": value})
        before, after = self.network.channel_map.kept[name], point.network.channel_map.kept[name]
        removed = {name: tuple(sorted(set(before) - set(after)))}
        self.steps.append(Step(len(self.steps) + 1, event, point.network.widths, removed, figures, name))
