"""Training as the scenario's `method` wants it, which every method shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn

from clients.client import TRAINING, Client
from fedreid.data.image_set import Images
from fedreid.models.flat import FlatTensors
from fedreid.pruning.schedules.recovery import bounding
from fedreid.scenario import Scenario
from fedreid.scenario.method_schema import MethodSettings
from fedreid.training import Objective, TrainingStats, batch_maker, step_decay, train_epochs
from fedreid.training.epochs import Batches, Schedule
from fedreid.training.schedule import warmup_cosine


def train(
    client: Client,
    objective: Objective,
    images: Images | None = None,
    *,
    model: nn.Module | None = None,
    epochs: int | None = None,
    is_round: bool = True,
    purpose: int = TRAINING,
    batches: Batches | None = None,
    trained: Sequence[Tensor] | None = None,
    on_gradient: Callable[[], None] | None = None,
) -> TrainingStats:
    """Train in place as the scenario's `method` says.

    Args:
        images: instead of the client's own.
        model: instead of the client's.
        epochs: instead of the scenario's `method.epochs`.
        is_round: whether this is a round's training, whose learning rate follows the schedule of all rounds.
        purpose: names the stream of random numbers; a second training in a round needs another one.
        batches, trained, on_gradient: as for `train_epochs`.
    """
    scenario, method = client.settings, client.settings.method
    chosen = client.images if images is None else images
    model = client.model if model is None else model
    with _recovering(model) if scenario.pruning.is_progressive else nullcontext():
        return train_epochs(
            model,
            objective,
            chosen,
            epochs=epochs or scenario.local_epochs(client.round),
            batch_size=method.batch_size,
            learning_rate=method.learning_rate,
            momentum=method.momentum,
            weight_decay=method.weight_decay,
            augment=scenario.augment,
            generator=client.generator(purpose),
            device=client.workspace.device,
            bf16=client.workspace.bf16,
            schedule=round_schedule(scenario, client.round) if is_round else None,
            batches=batches or batch_maker(scenario.sampling, chosen.labels),
            trained=trained,
            on_gradient=on_gradient,
        )


@contextmanager
def _recovering(model: nn.Module) -> Iterator[None]:
    """While open, filters that the server set to zero learn no faster than their layer's others (`recovery`)."""
    handles = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            is_zero = (module.weight.detach().flatten(1) == 0).all(dim=1)
            if is_zero.any() and not is_zero.all():
                handles.append(module.weight.register_hook(bounding(is_zero.nonzero().flatten().tolist())))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def check_finite(tensors: Mapping[str, Tensor], stats: TrainingStats) -> None:
    """The last step's loss was fine, but the weights that it left may not be.

    Raises:
        FloatingPointError: naming an array that would spoil everybody's model.
    """
    if isinstance(tensors, FlatTensors) and tensors.block.norm().isfinite():
        return
    norms = torch.stack(torch._foreach_norm(list(tensors.values())))
    if not norms.isfinite().all():
        name = next(name for name, norm in zip(tensors, norms, strict=True) if not norm.isfinite())
        raise FloatingPointError(f"{name} is not finite (step {stats.steps}, loss {stats.loss:g})")


def together(shown: TrainingStats, *others: TrainingStats) -> TrainingStats:
    """Steps, images and seconds of several trainings in one round, with the loss and accuracy of the first one."""
    every = (shown, *others)
    return replace(
        shown,
        steps=sum(stats.steps for stats in every),
        images=sum(stats.images for stats in every),
        seconds=sum(stats.seconds for stats in every),
    )


def round_schedule(scenario: Scenario, server_round: int) -> Schedule | None:
    """The part of the learning-rate schedule that falls into one round; None: constant."""
    if scenario.faithful.round_lr_decay:
        epochs = scenario.local_epochs(server_round)
        # After epoch 8, 6, 4, 3 of 10, 8, 6, 4: a fifth of the round, a quarter, a third, a quarter.
        start = {10: 0.8, 8: 0.75, 6: 2 / 3}.get(epochs, 0.75)
        return partial(step_decay, milestones=(start,))
    method, rounds = scenario.method, scenario.federation.rounds
    if method.schedule == "constant" and not method.warmup:
        return None

    def at(step: int, steps: int) -> float:
        return rate_factor(method, (server_round - 1) * steps + step, rounds * steps)

    return at


def rate_factor(method: MethodSettings, step: int, steps: int) -> float:
    """Factor on the learning rate at a step of the whole federation."""
    rise = round(method.warmup * steps)
    if step < rise:
        return (step + 1) / rise
    if method.schedule == "cosine":
        return warmup_cosine(step, steps, warmup=method.warmup)
    if method.schedule == "steps":
        return step_decay(step, steps, milestones=method.milestones)
    return 1.0
