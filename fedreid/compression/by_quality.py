"""Schedules that are told how much quality may go: they need people to choose by."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

from torch import Tensor, nn

from fedreid.compression.images import validation_split
from fedreid.compression.task import Pruning
from fedreid.compression.training import Trainer, measure_batchnorm
from fedreid.errors import UserError
from fedreid.evaluation import rank_own
from fedreid.pruning.schedules import CpoOptions, Pruned, cpo, play_and_prune


def layer_wise(task: Pruning) -> Pruned:
    """CPO, the least sensitive layer first."""
    trainer, evaluate = _with_validation(task)
    options = CpoOptions(criterion=task.options.criterion, retrain_epochs=task.options.retrain)  # type: ignore[arg-type]
    return cpo(task.model, task.groups, evaluate, trainer.retrain, task.options.drop, options=options)


def by_tolerance(task: Pruning) -> Pruned:
    """Play-and-Prune."""
    trainer, evaluate = _with_validation(task)
    task.tell("play_and_prune is experimental: its controller is a reconstruction, results are not the authors'")

    def finetune(model: nn.Module, penalty: Callable[[nn.Module], Tensor]) -> None:
        for _ in range(task.options.retrain):
            trainer.train_epoch(model, trainer.optimiser_of(model), penalty)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # told above
        return play_and_prune(
            task.model, task.groups, evaluate, finetune, task.options.drop, minimum_share=task.options.minimum_share
        )


def _with_validation(task: Pruning) -> tuple[Trainer, Callable[[nn.Module], float]]:
    """A trainer on nine tenths of the people, and mAP in percent on the others, each searched among all of them."""
    training, asked = validation_split(task.images, task.generator)
    trainer = task.trainer_of(training)

    def evaluate(model: nn.Module) -> float:
        measure_batchnorm(model, training, trainer.scenario, trainer.device)
        mean_precision = rank_own(trainer.embed(model, asked), asked.identities, asked.cameras).mAP
        if math.isnan(mean_precision):
            raise UserError(
                "none of the people held out for choosing has images of two cameras: no score to choose by."
            )
        return 100 * mean_precision

    return trainer, evaluate
