"""What images say about channels: scores of them, and CAIE's loop, with the loss that the federation trains with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from fedreid.data.augment import augment as augmented
from fedreid.data.image_set import Images
from fedreid.pruning.channel_group import ChannelGroup
from fedreid.pruning.criteria.scores import scores as scores_of
from fedreid.pruning.schedules.caie import CaieOptions, Loss, caie_loop
from fedreid.pruning.schedules.consumption import Consumption
from fedreid.pruning.schedules.records import Pruned
from fedreid.scenario import Scenario
from fedreid.training.epochs import shuffled_batches
from fedreid.training.inputs import to_input
from fedreid.training.objectives import Batch, Classification
from fedreid.training.sampling import batch_maker

Sample = tuple[Tensor, Tensor]
"""Inputs (B, 3, H, W) and labels (B,)."""


def endless(
    images: Images, scenario: Scenario, generator: np.random.Generator, device: torch.device
) -> Iterator[Sample]:
    """Mini-batches of augmented images, epoch after epoch, made as those that the loss is trained on: P x K, or
    shuffled."""
    batches = batch_maker(scenario.sampling, images.labels)
    batches = batches or partial(shuffled_batches, len(images), scenario.method.batch_size)
    while True:
        for chosen in batches(generator):
            inputs = to_input(augmented(images.batch(chosen), scenario.augment, generator), device)
            yield inputs, torch.from_numpy(images.labels[chosen]).to(device)


def training_loss(scenario: Scenario, proxies: Tensor) -> Loss:
    """The scenario's loss over these class proxies, which stay as they are."""
    objective = Classification(scenario.loss, nn.Parameter(proxies.detach().clone()))

    def loss(model: nn.Module, sample: Sample) -> Tensor:
        inputs, labels = sample
        return objective(Batch(inputs, model(inputs).float(), labels))[0]

    return loss


def image_scores(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    images: Images,
    proxies: Tensor,
    scenario: Scenario,
    generator: np.random.Generator,
    device: torch.device,
) -> dict[str, Tensor]:
    """{group: (width,)} on the CPU: the scenario's criterion, on `pruning.batches` mini-batches.

    Of CAIE it is the loss impact, which whoever knows the costs divides.
    """
    settings = scenario.pruning
    criterion = "taylor_batchnorm" if settings.criterion == "caie" else settings.criterion
    stream = endless(images, scenario, generator, device)
    batches = (next(stream) for _ in range(settings.batches))
    loss = training_loss(scenario, proxies.to(device))
    found: Mapping[str, Tensor] = scores_of(model, groups, criterion, batches=batches, loss=loss)
    return {name: values.detach().float().cpu() for name, values in found.items()}


def caie_on(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    costs: Consumption,
    limits: Sequence[Mapping[str, float]],
    images: Images,
    proxies: Tensor,
    scenario: Scenario,
    generator: np.random.Generator,
    device: torch.device,
) -> Pruned:
    """CAIE's whole loop, with scores that are measured again at each step; no weight changes but by removal."""
    settings = scenario.pruning
    options = CaieOptions(
        batches_per_step=settings.batches,
        channels_per_step=settings.channels_per_step,
        minimum_share=settings.minimum_share,
        update_while_scoring=False,
    )
    loss = training_loss(scenario, proxies.to(device))
    return caie_loop(model, groups, endless(images, scenario, generator, device), loss, costs, limits, options=options)
