"""Training of a backbone on an objective; pre-training and every client's method do this."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from fedreid.data.augment import augment as augmented
from fedreid.data.image_set import Images
from fedreid.scenario.schema import AugmentSettings
from fedreid.training.inputs import to_input
from fedreid.training.objectives import Batch, Objective
from fedreid.training.sgd import Sgd

Batches = Callable[[np.random.Generator], list[np.ndarray]]  # rows of each step of an epoch
Schedule = Callable[[int, int], float]  # (step, steps) -> factor on the learning rate


@dataclass(frozen=True)
class TrainingStats:
    """What a training did.

    Attributes:
        steps: optimiser steps.
        images: images trained on, over all epochs.
        loss: mean over the images of the last epoch, each at the time it was trained on.
        accuracy: share of the last epoch's images that were nearest to their own proxy.
        seconds: wall time of the training.
    """

    steps: int
    images: int
    loss: float
    accuracy: float
    seconds: float


class TrainingDiverged(Exception):
    """The loss is no longer a finite number.

    Attributes:
        step: from 1, over all epochs of this training.
        loss: nan or inf.
    """

    def __init__(self, step: int, loss: float) -> None:
        self.step, self.loss = step, loss
        super().__init__(f"loss is {loss} (step {step})")

    def __reduce__(self) -> tuple[type[TrainingDiverged], tuple[int, float]]:
        return (TrainingDiverged, (self.step, self.loss))  # crosses between processes


def train_epochs(
    model: nn.Module,
    objective: Objective,
    images: Images,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    augment: AugmentSettings,
    generator: np.random.Generator,
    device: torch.device | str,
    bf16: bool = False,
    schedule: Schedule | None = None,
    batches: Batches | None = None,
    trained: Sequence[Tensor] | None = None,
    on_gradient: Callable[[], None] | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> TrainingStats:
    """SGD on an objective for some epochs; changes the model and the objective's parameters in place.

    Momentum starts at zero, and is forgotten at the end.

    Args:
        model: (B, 3, H, W) -> (B, dim), on `device`.
        objective: what is minimised, with the parameters that it has beside the model's.
        generator: order and augmentation; with one thread count the result is the same bit for bit.
        bf16: run the network in bfloat16 (autocast); the objective stays in float32.
        schedule: factor on the learning rate; None: constant.
        batches: makes an epoch's batches, from the generator; None: shuffled images, `batch_size` at once.
        trained: the model's tensors that are trained; None: all of its parameters.
        on_gradient: called in each step between the gradient and the change of the weights.
        on_step: called with (steps done, steps) after each step.

    Raises:
        TrainingDiverged: the loss became nan or infinite; checked in every step.
        ValueError: no epoch, or an objective that doesn't suit the images.
    """
    started = time.perf_counter()
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, found {epochs}")
    objective.check(images)
    device = torch.device(device)
    batches = batches or partial(shuffled_batches, len(images), batch_size)
    parameters = [*(model.parameters() if trained is None else trained), *objective.parameters()]
    optimiser = Sgd(parameters, learning_rate, momentum=momentum, weight_decay=weight_decay)
    model.train()
    step = seen = 0
    for epoch in range(epochs):
        is_last, loss_sum, correct = epoch == epochs - 1, 0.0, torch.zeros((), dtype=torch.int64, device=device)
        order, in_epoch = batches(generator), 0
        for number, chosen in enumerate(order):
            inputs = to_input(augmented(images.batch(chosen), augment, generator), device)
            labels = torch.from_numpy(images.labels[chosen]).to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                embeddings = model(inputs)
            loss, similarity = objective(Batch(inputs, embeddings.float(), labels))
            loss.backward()
            value = loss.item()
            if not math.isfinite(value):
                optimiser.zero_grad()  # the next client trains in the same resident model
                raise TrainingDiverged(step + 1, value)
            if schedule is not None:
                factor = schedule(epoch * len(order) + number, epochs * len(order))
                optimiser.learning_rate = learning_rate * factor
            if on_gradient is not None:
                on_gradient()
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            in_epoch += len(chosen)
            loss_sum += value * len(chosen)
            if is_last:
                correct += (similarity.argmax(1) == labels).sum()
            if on_step is not None:
                on_step(step, epochs * len(order))
        seen += in_epoch
    return TrainingStats(
        steps=step,
        images=seen,
        loss=loss_sum / in_epoch,
        accuracy=correct.item() / in_epoch,
        seconds=time.perf_counter() - started,
    )


def shuffled_batches(images: int, batch_size: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Every image once, in random order."""
    order = generator.permutation(images)
    return [order[start:end] for start, end in batch_bounds(images, batch_size)]


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """(start, end) of each batch: as few as the size allows, and all of them equal but for one image.

    Full batches and a small rest would be simpler, but BatchNorm takes its statistics from each batch: a rest of two
    images gives gradients that undo an epoch of training (measured: pre-training ended at mAP 29 instead of 51).
    """
    if not images:
        return []
    count = min(-(-images // batch_size), max(1, images // 2))  # BatchNorm can't train on a single image at all
    edges = [images * number // count for number in range(count + 1)]
    return list(itertools.pairwise(edges))
