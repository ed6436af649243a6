"""Pruning by any criterion and schedule: what each of them needs, put together."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping

import torch
from torch import nn

from fedreid.compression.by_quality import by_tolerance, layer_wise
from fedreid.compression.task import Pruning
from fedreid.errors import RunError
from fedreid.pruning import architecture_of, full_map
from fedreid.pruning.schedules import (
    CaieOptions,
    Pruned,
    caie_loop,
    descend,
    iterative,
    loss_impacts,
    one_shot,
    psfp,
    uniform,
    uniform_rate,
)
from fedreid.pruning.schedules.descent import floors_of
from fedreid.pruning.schedules.shrinking import Shrinking


def pruned(task: Pruning) -> Pruned:
    """The small network.

    Raises:
        UserError: a criterion that the network has nothing for, or limits that can't be met.
        RunError: the training diverged.
    """
    try:
        return SCHEDULES[task.options.schedule](task)
    except ValueError as error:
        raise RunError(f"pruning by {task.options.schedule} failed: {error}.") from error


def _one_shot(task: Pruning) -> Pruned:
    values = task.scores(task.trainer_of(task.images), task.model, task.groups)
    share = task.options.minimum_share
    return one_shot(task.model, task.groups, values, task.costs, task.limits, minimum_share=share)


def _uniform(task: Pruning) -> Pruned:
    rate = uniform_rate(task.costs, task.limits)
    values = task.scores(task.trainer_of(task.images), task.model, task.groups)
    return uniform(task.model, task.groups, values, rate)


def _iterative(task: Pruning) -> Pruned:
    trainer, options = task.trainer_of(task.images), task.options
    return iterative(
        task.model,
        task.groups,
        lambda model, groups: task.scores(trainer, model, groups),
        lambda model: trainer.retrain(model, options.retrain),
        task.costs,
        task.limits,
        channels_per_step=options.channels_per_step,
        minimum_share=options.minimum_share,
    )


def _caie(task: Pruning) -> Pruned:
    """The whole loop; by taylor_batchnorm the same loop by loss impacts alone, whatever a channel saves."""
    trainer, options = task.trainer_of(task.images), task.options
    loop = CaieOptions(
        batches_per_step=options.batches,
        channels_per_step=options.channels_per_step,
        minimum_share=options.minimum_share,
    )
    stream, also = trainer.stream(), (trainer.proxies,)
    if options.criterion == "taylor_batchnorm":
        return descend(
            Shrinking(task.model, task.groups),
            task.costs,
            (task.limits,),
            lambda network, missing: loss_impacts(network.model, network.groups, stream, trainer.loss, loop, also),
            count=options.channels_per_step,
            floors=floors_of(task.groups, options.minimum_share),
        )
    return caie_loop(
        task.model, task.groups, stream, trainer.loss, task.costs, task.limits, options=loop, also_train=also
    )


def _psfp(task: Pruning) -> Pruned:
    trainer, options = task.trainer_of(task.images), task.options

    def train_epoch(model: nn.Module, optimiser: torch.optim.Optimizer, epoch: int) -> None:
        fall = 0.5 * (1 + math.cos(math.pi * (epoch - 1) / options.retrain))
        optimiser.param_groups[0]["lr"] = trainer.learning_rate * fall
        trainer.train_epoch(model, optimiser)

    return psfp(
        task.model,
        task.groups,
        train_epoch,
        trainer.optimiser_of,
        goal=uniform_rate(task.costs, task.limits),
        epochs=options.retrain,
        criterion=options.criterion,  # type: ignore[arg-type]
    )


def _none(task: Pruning) -> Pruned:
    channel_map = full_map(task.groups, architecture_of(task.model))
    return Pruned(copy.deepcopy(task.model), channel_map, ())


SCHEDULES: Mapping[str, Callable[[Pruning], Pruned]] = {
    "one_shot": _one_shot,
    "uniform": _uniform,
    "iterative": _iterative,
    "caie": _caie,
    "psfp": _psfp,
    "cpo": layer_wise,
    "play_and_prune": by_tolerance,
    "none": _none,
}
