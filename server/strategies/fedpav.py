"""FedPav's distillation: the mean model learns on public images what the clients' models agree on.

Zhuang et al., Performance Optimization for Federated Person Re-identification via Benchmark Analysis, ACM MM 2020. Its
other part, weights by cosine distance, needs nothing here: clients send their weight, and FedAvg's mean uses it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from flwr.app import ArrayRecord, Message, MetricRecord
from torch import Tensor, nn

from fedreid import wire
from fedreid.data.image_set import ImageSet
from fedreid.errors import RunError
from fedreid.evaluation import embed
from fedreid.models.sharing import copy_arrays, load_tensors, shared_tensors
from fedreid.scenario.method_schema import FedPavSettings
from fedreid.training.calibration import recalibrate_batchnorm
from fedreid.training.device import torch_threads
from fedreid.training.epochs import batch_bounds
from fedreid.training.inputs import to_input
from server.strategies.fedavg import FedAvg
from server.strategies.flower_records import with_result

logger = logging.getLogger(__name__)

PURPOSE = 5  # of the random numbers: [seed, PURPOSE, round] is no client's stream
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4  # with Nesterov's look-ahead, as in the authors' code


class FedPavDistillation(FedAvg):
    """FedAvg, then SGD on the server: |normalised feature - teacher|^2 over the public images.

    The teacher of an image is the mean of the clients' unit-length features of it, every client alike, at unit length
    again. Each client's model embeds the public set when its reply arrives and is dropped: memory holds one model and
    one feature for each public image, however many clients there are.

    The authors' code asks all clients' models for each batch, runs the mean model in training mode, and takes the mean
    square over batch and features between its raw feature and the teacher. Here features have unit length on both
    sides, since only their direction is ever used; and squares are summed over the features, or the rate would have to
    grow with their number. BatchNorm keeps the statistics that clients measured on their people, or a few batches of
    public people would replace them. Only where statistics stay with clients, and are measured again for every
    evaluation, batches are normalised by their own, as the result will be.

    Args:
        build: a backbone with the run's starting weights.
        public: the public images, without their identities' names: only features are compared.
        settings: epochs and learning rate.
        batchnorm: the federation's policy; where statistics stay with clients they are measured on the public images.
        batch_size: images in a step.
        embed_batch_size: images embedded at once.
        threads: torch threads.
    """

    def __init__(
        self,
        build: Callable[[], nn.Module],
        public: ImageSet,
        settings: FedPavSettings,
        *,
        batchnorm: str = "average",
        batch_size: int = 32,
        embed_batch_size: int = 256,
        device: torch.device | str = "cpu",
        bf16: bool = False,
        threads: int = 1,
        fraction: float = 1.0,
        seed: int = 0,
        participants: Sequence[int] = (),
        nodes: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(fraction=fraction, seed=seed, participants=participants, nodes=nodes)
        self._build, self.public, self.settings, self.batchnorm = build, public, settings, batchnorm
        self.batch_size, self.embed_batch_size = batch_size, embed_batch_size
        self.device, self.bf16, self.threads = torch.device(device), bf16, threads

    @cached_property
    def model(self) -> nn.Module:
        """The one network, whose weights are overwritten by each client's and then by the mean."""
        return self._build().to(self.device)

    @cached_property
    def shared(self) -> dict[str, Tensor]:
        """Its tensors that travel."""
        return shared_tensors(self.model, self.batchnorm)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The distilled mean, and the mean loss of the clients; (None, None) when nobody answered.

        Raises:
            RunError: the distillation diverged.
        """
        features = torch.zeros(0)

        def embedded(replies: Iterable[Message]) -> Iterator[Message]:
            nonlocal features
            for answer in replies:
                own = torch.from_numpy(self.features(wire.arrays_of(answer)))
                features = own.double() if not len(features) else features.add_(own)
                yield answer

        arrays, metrics = super().aggregate_train(server_round, embedded(replies))
        if arrays is None:
            return None, None
        mean = wire.to_arrays(arrays)
        generator = np.random.default_rng([self.seed, PURPOSE, server_round])
        with torch_threads(self.threads):
            self._load(mean)
            distance = self._distil(F.normalize(features).float().to(self.device), generator)
        logger.info("round %d: squared distance to the clients' mean feature %.4g", server_round, distance)
        return wire.to_record(with_result(mean, copy_arrays(self.shared))), metrics

    def features(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """(public images, dim) float32, of unit length: what a model with these arrays sees in the public images."""
        with torch_threads(self.threads):
            self._load(arrays)
            return embed(self.model, self.public, batch_size=self.embed_batch_size, device=self.device, bf16=self.bf16)

    def summary(self) -> None:
        """One line for the log."""
        logger.info(
            "FedPav: %d clients, fraction %g, distillation on %d public images",
            len(self.nodes), self.fraction, len(self.public),
        )  # fmt: skip

    def _load(self, arrays: Mapping[str, np.ndarray]) -> None:
        load_tensors(self.shared, arrays)
        if self.batchnorm != "average":
            recalibrate_batchnorm(self.model, self.public, batch_size=self.embed_batch_size, device=self.device)

    def _distil(self, teacher: Tensor, generator: np.random.Generator) -> float:
        """Train the loaded model; the mean squared distance to the teacher in the last epoch, each when trained on."""
        parameters = [tensor for tensor in self.shared.values() if isinstance(tensor, nn.Parameter)]
        optimiser = torch.optim.SGD(
            parameters, self.settings.distillation_learning_rate,
            momentum=MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True,
        )  # fmt: skip
        self.model.train(self.batchnorm != "average")
        bounds, total = batch_bounds(len(self.public), self.batch_size), 0.0
        for _ in range(self.settings.distillation_epochs):
            total, order = 0.0, generator.permutation(len(self.public))
            for start, end in bounds:
                total += (end - start) * self._train_on(order[start:end], teacher, optimiser)
        return total / bounds[-1][1]

    def _train_on(self, chosen: np.ndarray, teacher: Tensor, optimiser: torch.optim.Optimizer) -> float:
        inputs = to_input(self.public.batch(chosen), self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            features = self.model(inputs)
        wanted = teacher[torch.from_numpy(chosen).to(self.device)]
        distance = (F.normalize(features.float()) - wanted).square().sum(1).mean()
        optimiser.zero_grad()
        distance.backward()
        optimiser.step()
        value = distance.item()
        if not math.isfinite(value):
            raise RunError(
                f"FedPav's distillation diverged, its loss is {value}: lower "
                f"method.fedpav.distillation_learning_rate = {self.settings.distillation_learning_rate:g}."
            )
        return value
