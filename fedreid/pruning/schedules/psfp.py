"""Progressive soft filter pruning, PSFP and FPGM-PSFP: ever more filters are set to zero while training goes on.

He et al., Asymptotic soft filter pruning for deep convolutional neural networks, IEEE Transactions on Cybernetics 2020;
algorithms 1 and 2 of "Exploiting prunability for person re-identification", arXiv 1907.02547.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

from fedreid.pruning.criteria.by_weight import WeightCriterion, weight_scores
from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.schedules.progressive_rate import ProgressiveRate
from fedreid.pruning.schedules.records import Pruned, Step
from fedreid.pruning.schedules.recovery import held_back
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.schedules.soft import Chosen, forget_momentum, lowest, zero_filters
from fedreid.pruning.selection import whole

TrainEpoch = Callable[[nn.Module, torch.optim.Optimizer, int], None]
"""(model, optimiser, epoch from 1): train the whole network for one epoch, in place."""


def psfp(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    train_epoch: TrainEpoch,
    optimiser_of: Callable[[nn.Module], torch.optim.Optimizer],
    *,
    goal: float | Mapping[str, float],
    epochs: int,
    decay: float = 1 / 8,
    criterion: WeightCriterion = "l2",
    reset_momentum: bool = True,
    freeze_pruned: bool = False,
    bound_recovery: bool = True,
    recalibrate: Callable[[nn.Module], None] | None = None,
    architecture: str | None = None,
) -> Pruned:
    """Train; after each epoch set the lowest filters of every group to zero; at the end remove them.

    The same filters of all convolutions of a group go, the last of a residual block included, so that the removal at
    the end is exact. Which they are is chosen afresh after each epoch: a filter that recovers stays.

    Args:
        model: stays as it is.
        optimiser_of: makes the optimiser of the copy that is trained.
        goal: the share of channels to lose in the end, of all groups or by group.
        epochs: E of `ProgressiveRate`.
        decay: D of `ProgressiveRate`.
        criterion: "l1" or "l2" (PSFP), "fpgm" (FPGM-PSFP).
        reset_momentum: whether zeroed filters lose the optimiser's memory of them too.
        freeze_pruned: whether zeroed filters get no gradient for the next epoch, as in the FPGM authors' code.
        bound_recovery: whether their gradients are at most as long as their layer's others in that epoch, see
            `recovery`; False: whatever comes back through BatchNorm, as published.
        recalibrate: measures the BatchNorm statistics of the small network again, without training. Without it the
            caller has to, before any evaluation: the statistics are still those of the full network.

    Returns:
        The small network, its map, and one record an epoch, with the rate and the channels that aren't zero.

    Raises:
        ValueError: rates, epochs or decay outside their ranges, or a goal without all groups.
    """
    network = Shrinking(model, groups, architecture)
    rates = _rates(groups, goal, epochs, decay)
    optimiser = optimiser_of(network.model)
    steps: list[Step] = []
    chosen: dict[str, list[int]] = {group.name: [] for group in groups}
    for epoch in range(1, epochs + 1):
        with held_back(network.model, groups, chosen, frozen=freeze_pruned, bounded=bound_recovery):
            train_epoch(network.model, optimiser, epoch)
        counts = {group.name: whole(group.width * rates[group.name](epoch)) for group in groups}
        chosen = lowest(weight_scores(network.model, groups, criterion), counts)
        zero_filters(network.model, groups, chosen)
        if reset_momentum:
            forget_momentum(network.model, groups, chosen, optimiser)
        steps.append(_record(epoch, groups, chosen, rates))
    # The last epoch's choice is at the goal already. To rank again would change nothing for norms; by distances it
    # could keep a filter that is zero and remove one that isn't.
    removed = network.remove([(name, index) for name, indices in chosen.items() for index in indices])
    if recalibrate is not None:
        recalibrate(network.model)
    steps.append(Step(epochs + 1, "remove", network.widths, removed))
    return Pruned(network.model, network.channel_map, tuple(steps), (network.channel_map,))


def soft_pruned(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    rate: float,
    *,
    criterion: WeightCriterion = "l2",
) -> tuple[nn.Module, dict[str, list[int]]]:
    """A copy with a share of each group's filters at zero, and which ones: one soft step of a server between rounds.

    Raises:
        ValueError: a rate that isn't from 0 to below 1.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"the share to set to zero must be from 0 to below 1, found {rate}")
    chosen = lowest(
        weight_scores(model, groups, criterion), {group.name: whole(group.width * rate) for group in groups}
    )
    softened = copy.deepcopy(model)
    zero_filters(softened, groups, chosen)
    return softened, chosen


def _rates(
    groups: Sequence[ChannelGroup], goal: float | Mapping[str, float], epochs: int, decay: float
) -> dict[str, ProgressiveRate]:
    goals = goal if isinstance(goal, Mapping) else {group.name: goal for group in groups}
    if {group.name for group in groups} != set(goals):
        odd = sorted({group.name for group in groups} ^ set(goals))
        raise ValueError(f"a goal is needed for each group and no other; only one of them has {', '.join(odd)}")
    return {name: ProgressiveRate(share, epochs, decay) for name, share in goals.items()}


def _record(epoch: int, groups: Sequence[ChannelGroup], chosen: Chosen, rates: Mapping[str, ProgressiveRate]) -> Step:
    alive = {group.name: group.width - len(chosen[group.name]) for group in groups}
    mean = sum(rates[group.name](epoch) for group in groups) / len(groups)
    zeroed = {name: tuple(sorted(indices)) for name, indices in chosen.items()}
    return Step(epoch, "soft zero", alive, zeroed, {"rate": mean})
