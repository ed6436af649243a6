"""Plain supervised training of a backbone and class proxies; both pre-training and clients do this."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from fedreid.data.augment import augment as augmented
from fedreid.losses.cosface import cosface_from_cosines, cosines
from fedreid.scenario.schema import AugmentSettings, LossSettings
from fedreid.training.inputs import to_input

if TYPE_CHECKING:
    from fedreid.data.image_set import ImageSet

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
    proxies: nn.Parameter,
    images: ImageSet,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    loss: LossSettings,
    augment: AugmentSettings,
    generator: np.random.Generator,
    device: torch.device | str,
    bf16: bool = False,
    schedule: Schedule | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> TrainingStats:
    """SGD on CosFace for some epochs; changes model and proxies in place, and starts without momentum.

    Args:
        model: (B, 3, H, W) -> (B, dim), on `device`.
        proxies: (images.num_identities, dim), on `device`.
        generator: order and augmentation; with one thread count the result is the same bit for bit.
        bf16: run the network in bfloat16 (autocast); the loss stays in float32.
        schedule: factor on the learning rate; None: constant.
        on_step: called with (steps done, steps) after each step.

    Raises:
        TrainingDiverged: the loss became nan or infinite; checked in every step.
        ValueError: no epoch, fewer than 2 identities, or a number of proxies that isn't the number of identities.
    """
    started = time.perf_counter()
    _check(epochs, images, proxies)
    device = torch.device(device)
    batches = batch_bounds(len(images), batch_size)
    steps, step = epochs * len(batches), 0
    optimiser = torch.optim.SGD(
        [*model.parameters(), proxies], learning_rate, momentum=momentum, weight_decay=weight_decay, fused=True
    )
    model.train()
    for epoch in range(epochs):
        is_last, loss_sum, correct = epoch == epochs - 1, 0.0, torch.zeros((), dtype=torch.int64, device=device)
        order = generator.permutation(len(images))
        for start, end in batches:
            chosen = order[start:end]
            inputs = to_input(augmented(images.batch(chosen), augment, generator), device)
            labels = torch.from_numpy(images.labels[chosen]).to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                embeddings = model(inputs)
            similarity = cosines(embeddings.float(), proxies)
            objective = cosface_from_cosines(similarity, labels, scale=loss.scale, margin=loss.margin)
            objective.backward()
            value = objective.item()
            if not math.isfinite(value):
                raise TrainingDiverged(step + 1, value)
            if schedule is not None:
                optimiser.param_groups[0]["lr"] = learning_rate * schedule(step, steps)
            optimiser.step()
            optimiser.zero_grad()
            step += 1
            loss_sum += value * len(chosen)
            if is_last:
                correct += (similarity.argmax(1) == labels).sum()
            if on_step is not None:
                on_step(step, steps)
    per_epoch = sum(end - start for start, end in batches)
    return TrainingStats(
        steps=steps,
        images=epochs * per_epoch,
        loss=loss_sum / per_epoch,
        accuracy=correct.item() / per_epoch,
        seconds=time.perf_counter() - started,
    )


def batch_bounds(images: int, batch_size: int) -> list[tuple[int, int]]:
    """(start, end) of each batch; a last batch of one image, which BatchNorm can't train on, is left out."""
    bounds = [(start, min(start + batch_size, images)) for start in range(0, images, batch_size)]
    return bounds[:-1] if len(bounds) > 1 and bounds[-1][1] - bounds[-1][0] == 1 else bounds


def _check(epochs: int, images: ImageSet, proxies: Tensor) -> None:
    if epochs < 1:
        raise ValueError(f"epochs must be at least 1, found {epochs}")
    if images.num_identities < 2:
        raise ValueError(f"training needs at least 2 identities, found {images.num_identities} in {len(images)} images")
    if len(proxies) != images.num_identities:
        raise ValueError(f"{len(proxies)} proxies for {images.num_identities} identities")
