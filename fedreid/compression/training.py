"""How a network trains while it is pruned, and afterwards: the scenario's loss, on one set of people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from fedreid.data.augment import augment as augmented
from fedreid.data.image_set import ImageSet
from fedreid.errors import RunError
from fedreid.evaluation import embed
from fedreid.scenario import Scenario
from fedreid.training import (
    Batch,
    Classification,
    TrainingDiverged,
    TrainingStats,
    batch_maker,
    to_input,
    train_epochs,
    warmup_cosine,
)
from fedreid.training.calibration import recalibrate_batchnorm
from fedreid.training.epochs import Batches, shuffled_batches

Sample = tuple[Tensor, Tensor]
"""Inputs (B, 3, H, W) and labels (B,)."""
OnStep = Callable[[int, int], None]


class Trainer:
    """Trains networks of one embedding size, whatever their widths, on one set of people.

    The class proxies start as each person's mean embedding (Qi et al., Low-shot learning with imprinted weights, CVPR
    2018): a checkpoint has none for people it was not trained on, and gradients of random ones say nothing about what
    a channel is worth. They are trained along, and outlast every cut, as the embedding keeps its size.

    Args:
        model: the network before pruning, on the device.
        images: the people.
        learning_rate: of SGD; its momentum, weight decay and batches are those of the scenario's clients.
        generator: of order and augmentation.

    Attributes:
        embed: (model, images) -> (n, dim) unit embeddings.
    """

    def __init__(
        self,
        model: nn.Module,
        images: ImageSet,
        scenario: Scenario,
        *,
        learning_rate: float,
        generator: np.random.Generator,
        device: torch.device,
        bf16: bool = False,
    ) -> None:
        self.images, self.scenario, self.learning_rate = images, scenario, learning_rate
        self.generator, self.device, self.bf16 = generator, device, bf16
        self.embed = partial(embed, batch_size=scenario.evaluation.batch_size, device=device, bf16=bf16)
        self.proxies = nn.Parameter(mean_embeddings(self.embed(model, images), images.labels).to(device))
        self.objective = Classification(scenario.loss, self.proxies)
        self._batches: Batches = batch_maker(scenario.sampling, images.labels) or partial(
            shuffled_batches, len(images), scenario.method.batch_size
        )

    def train(self, model: nn.Module, epochs: int, on_step: OnStep | None = None) -> TrainingStats | None:
        """Some epochs at a rate that rises, then falls to nothing; None: no epoch.

        Raises:
            RunError: the training diverged.
        """
        if not epochs:
            return None
        method = self.scenario.method
        try:
            return train_epochs(
                model, self.objective, self.images, epochs=epochs, batch_size=method.batch_size,
                learning_rate=self.learning_rate, momentum=method.momentum, weight_decay=method.weight_decay,
                augment=self.scenario.augment, generator=self.generator, device=self.device, bf16=self.bf16,
                schedule=warmup_cosine, batches=self._batches, on_step=on_step,
            )  # fmt: skip
        except TrainingDiverged as error:
            raise RunError(
                f"training failed: {error}. Its learning rate is {self.learning_rate}: lower --learning-rate."
            ) from error

    def retrain(self, model: nn.Module, epochs: int) -> None:
        """`train` behind a cut, before which the BatchNorm statistics are measured anew."""
        measure_batchnorm(model, self.images, self.scenario, self.device)
        self.train(model, epochs)

    def train_epoch(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, penalty: Callable[[nn.Module], Tensor] | None = None
    ) -> None:
        """One epoch with an optimiser that somebody else keeps, in float32.

        Args:
            penalty: is added to the loss.
        """
        model.train()
        for sample in self._epoch():
            loss = self.loss(model, sample)
            loss = loss if penalty is None else loss + penalty(model)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        optimiser.zero_grad()

    def optimiser_of(self, model: nn.Module) -> torch.optim.Optimizer:
        """SGD on a network and the proxies."""
        method = self.scenario.method
        parameters = [*model.parameters(), self.proxies]
        return torch.optim.SGD(
            parameters, self.learning_rate, momentum=method.momentum, weight_decay=method.weight_decay
        )

    def loss(self, model: nn.Module, sample: Sample) -> Tensor:
        """The mean training loss of a mini-batch."""
        inputs, labels = sample
        return self.objective(Batch(inputs, model(inputs).float(), labels))[0]

    def stream(self) -> Iterator[Sample]:
        """Mini-batches, epoch after epoch, without end."""
        while True:
            yield from self._epoch()

    def _epoch(self) -> Iterator[Sample]:
        for chosen in self._batches(self.generator):
            inputs = to_input(augmented(self.images.batch(chosen), self.scenario.augment, self.generator), self.device)
            yield inputs, torch.from_numpy(self.images.labels[chosen]).to(self.device)


def measure_batchnorm(model: nn.Module, images: ImageSet, scenario: Scenario, device: torch.device) -> None:
    """Running means and variances anew, in place, without training; a network without BatchNorm stays as it is."""
    if scenario.model.has_batchnorm:
        recalibrate_batchnorm(model, images, batch_size=scenario.evaluation.batch_size, device=device)


def mean_embeddings(embeddings: np.ndarray, labels: np.ndarray) -> Tensor:
    """(n, dim) embeddings and their (n,) labels from 0 -> (people, dim) means, of unit length."""
    sums = np.zeros((int(labels.max()) + 1, embeddings.shape[1]), np.float64)
    np.add.at(sums, labels, embeddings)
    means = torch.from_numpy(sums).float()
    return torch.nn.functional.normalize(means)
