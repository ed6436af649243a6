"""Play-and-Prune (experimental): the user says how much accuracy may go, not how many filters.

Singh et al., Play and Prune: Adaptive filter pruning for deep model compression, IJCAI 2019. Its controller is a
reconstruction, see `ToleranceController`; results are not the authors'.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from fedreid.pruning.criteria.l1 import l1
from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.schedules.descent import floors_of
from fedreid.pruning.schedules.records import Pruned, Step
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.schedules.soft import lowest
from fedreid.pruning.schedules.tolerance import Setting, ToleranceController
from fedreid.pruning.selection import Channel, candidates, whole

HALVINGS = 30
Penalty = Callable[[nn.Module], Tensor]


def play_and_prune(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    evaluate: Callable[[nn.Module], float],
    finetune: Callable[[nn.Module, Penalty], None],
    tolerance: float,
    *,
    unimportant: float = 0.1,
    penalty: float = 5e-4,
    minimum_share: float = 0.1,
    iterations: int = 20,
    architecture: str | None = None,
) -> Pruned:
    """Push the weakest filters towards zero, remove those below a threshold, and let the accuracy set the next one.

    Args:
        model: stays as it is.
        evaluate: network -> accuracy, larger is better.
        finetune: (network, penalty) trains it in place for an epoch on its own loss plus penalty(network).
        tolerance: ε, how much accuracy may go, above 0.
        unimportant: α, the share of each group's filters that is penalised.
        penalty: λ, the first weight of the penalty.
        minimum_share: the share of its channels that each group keeps.
        iterations: at most.

    Returns:
        The last network whose accuracy was within the tolerance; its map; one record an iteration, with the accuracy
        and the controller's margin, threshold and penalty.

    Raises:
        ValueError: a tolerance of 0 or below, a share outside 0 to 1, or fewer than one iteration.
    """
    if not 0 <= unimportant < 1 or iterations < 1:
        raise ValueError(f"expected a share from 0 to below 1 and 1 iteration, found {unimportant} and {iterations}")
    warnings.warn("Play-and-Prune is experimental: its controller is a reconstruction", UserWarning, stacklevel=2)
    network, floors = Shrinking(model, groups, architecture), floors_of(groups, minimum_share)
    reference = evaluate(network.model)
    controller = ToleranceController(reference, tolerance, 0.0, penalty)  # refuses a wrong tolerance before any work
    threshold = first_threshold(network, floors, lambda small: evaluate(small) >= reference - tolerance)
    controller = ToleranceController(reference, tolerance, threshold, penalty)
    setting = Setting(tolerance, threshold, penalty)
    best, steps = network.saved(), list[Step]()
    for number in range(1, iterations + 1):
        finetune(network.model, _penalty(network, unimportant, setting.penalty))
        removed = network.remove(below(network, setting.threshold, floors))
        accuracy = evaluate(network.model)
        if accuracy >= reference - tolerance:
            best = network.saved()
        used, setting = setting, controller.next(accuracy)
        figures = {"accuracy": accuracy, "margin": setting.margin, "threshold": used.threshold, "penalty": used.penalty}
        steps.append(Step(number, "remove", network.widths, removed, figures))
        if setting.margin == 0:
            break
    return Pruned(best.model, best.channel_map, tuple(steps), (best.channel_map,))


def group_lengths(model: nn.Module, groups: Sequence[ChannelGroup]) -> dict[str, Tensor]:
    """Sum of |w| of each channel, the mean over a group's producers; in the weights' own unit, as thresholds are."""
    return {
        group.name: torch.stack([l1(model.get_submodule(layer).weight) for layer in group.producers]).mean(0)  # type: ignore[arg-type]
        for group in groups
    }


def below(network: Shrinking, threshold: float, floors: Mapping[str, int]) -> list[Channel]:
    """Channels whose sum of |w| is below the threshold, except the longest of each group that it has to keep."""
    lengths = group_lengths(network.model, network.groups)
    return [
        (name, index)
        for name, values in lengths.items()
        for index in candidates(values, floors[name]).tolist()
        if values[index] < threshold
    ]


def first_threshold(network: Shrinking, floors: Mapping[str, int], is_acceptable: Callable[[nn.Module], bool]) -> float:
    """The largest threshold whose removal is acceptable at once, without training; by bisection."""
    low, high = 0.0, max(float(values.max()) for values in group_lengths(network.model, network.groups).values())
    tried: list[Channel] = []
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        chosen = below(network, middle, floors)
        if chosen == tried or is_acceptable(_without(network, chosen)):
            low, tried = middle, chosen
        else:
            high = middle
    return low


def _without(network: Shrinking, chosen: list[Channel]) -> nn.Module:
    small = network.saved()
    small.remove(chosen)
    return small.model


def _penalty(network: Shrinking, share: float, weight: float) -> Penalty:
    """λ times the sum of |w| of the filters that are unimportant now."""
    lengths = group_lengths(network.model, network.groups)
    chosen = lowest(lengths, {name: whole(len(values) * share) for name, values in lengths.items()})
    layers = [(layer, chosen[group.name]) for group in network.groups for layer in group.producers]

    def penalty(model: nn.Module) -> Tensor:
        norms = [model.get_submodule(layer).weight[indices].abs().sum() for layer, indices in layers]  # type: ignore[index, operator]
        return weight * torch.stack(norms).sum()

    return penalty
