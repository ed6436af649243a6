"""What a training step minimises, from a batch's embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from fedreid.data.image_set import Images
from fedreid.losses.cosface import cosface_from_cosines, cosines
from fedreid.losses.triplet import batch_hard, weighted_triplet
from fedreid.scenario.schema import LossSettings


class Batch(NamedTuple):
    """One step's images as the network sees them, what it makes of them, and who they show.

    Attributes:
        inputs: (B, 3, H, W), normalised.
        embeddings: (B, dim) float32, with gradient.
        labels: (B,) int64.
    """

    inputs: Tensor
    embeddings: Tensor
    labels: Tensor


class Objective(Protocol):
    """A loss with parameters of its own."""

    def parameters(self) -> Sequence[Tensor]:
        """What is trained beside the model."""

    def check(self, images: Images) -> None:
        """Raise ValueError for images that it can't be computed on."""

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss, and the (B, classes) similarities that say whom each image is taken for."""


class Classification:
    """CosFace over stacked proxies, and a triplet loss beside it if the scenario wants one.

    Args:
        proxies: one or several (classes, dim), stacked in this order: private ones first, as labels count (eq. 7.3).
    """

    def __init__(self, settings: LossSettings, *proxies: nn.Parameter) -> None:
        self.settings, self.proxies = settings, proxies

    def parameters(self) -> Sequence[Tensor]:
        return self.proxies

    def check(self, images: Images) -> None:
        if images.num_identities < 2:
            raise ValueError(
                f"training needs at least 2 identities, found {images.num_identities} in {len(images)} images"
            )
        classes = sum(len(proxies) for proxies in self.proxies)
        if classes != images.num_identities:
            raise ValueError(f"{classes} proxies for {images.num_identities} identities")

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        settings = self.settings
        proxies = self.proxies[0] if len(self.proxies) == 1 else torch.cat(self.proxies)
        similarity = cosines(batch.embeddings, proxies)
        loss = cosface_from_cosines(
            similarity, batch.labels, scale=settings.scale, margin=settings.margin,
            label_smoothing=settings.label_smoothing,
        )  # fmt: skip
        if settings.triplet == "batch_hard":
            hard = batch_hard(batch.embeddings, batch.labels, margin=settings.triplet_margin)
            loss = loss + settings.triplet_weight * hard
        elif settings.triplet == "weighted":
            loss = loss + settings.triplet_weight * weighted_triplet(batch.embeddings, batch.labels)
        return loss, similarity
