"""Two-stage personalization (table 7.2): after the federation each client goes on from the global model, alone.

Yu et al., Salvaging Federated Learning by Local Adaptation, 2020: fine-tuning, or distillation from the frozen global
model: L_cos + beta T^2 KL(teacher || student), on s * cos without margin over all classes (section 7.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clients.methods.fedfr import joined_images
from clients.training import train
from fedreid.data.image_set import Images
from fedreid.losses import cosines, distillation, yu2020
from fedreid.scenario.method_schema import AdaptationSettings
from fedreid.training import Batch, Classification, Objective, TrainingStats

if TYPE_CHECKING:
    from clients.client import Client


def fine_tune(client: Client) -> TrainingStats:
    """L_cos from the final global model on, over the identities and images that the federation trained on."""
    images, proxies = _images_and_proxies(client)
    return _train_on(client, Classification(client.settings.loss, *proxies), images)


def distil(client: Client) -> TrainingStats:
    """As `fine_tune`, with the global model and the proxies as they are now as a teacher."""
    images, proxies = _images_and_proxies(client)
    teacher = client.workspace.frozen("global")
    teacher.load_state_dict(client.model.state_dict())
    objective = Distillation(
        Classification(client.settings.loss, *proxies), teacher, torch.cat([one.detach().clone() for one in proxies]),
        client.settings.adaptation, bf16=client.workspace.bf16,
    )  # fmt: skip
    return _train_on(client, objective, images)


class Distillation:
    """CosFace, and the teacher's softened opinion of each image."""

    def __init__(
        self,
        classification: Classification,
        teacher: nn.Module,
        teacher_proxies: Tensor,
        settings: AdaptationSettings,
        *,
        bf16: bool = False,
    ) -> None:
        self.classification, self.teacher, self.teacher_proxies = classification, teacher, teacher_proxies
        self.settings, self.bf16 = settings, bf16

    def parameters(self) -> Sequence[Tensor]:
        return self.classification.parameters()

    def check(self, images: Images) -> None:
        self.classification.check(images)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, similarity = self.classification(batch)
        with torch.no_grad(), torch.autocast(batch.inputs.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            features = self.teacher(batch.inputs).float()
        scale = self.classification.settings.scale
        student, teacher = scale * similarity, scale * cosines(features, self.teacher_proxies)
        temperature = self.settings.temperature
        if self.settings.form == "yu2020":
            return yu2020(student, teacher, loss, temperature=temperature), similarity
        return loss + self.settings.beta * distillation(student, teacher, temperature=temperature), similarity


def _train_on(client: Client, objective: Objective, images: Images) -> TrainingStats:
    return train(client, objective, images, epochs=client.settings.adaptation.epochs, is_round=False)


def _images_and_proxies(client: Client) -> tuple[Images, tuple[nn.Parameter, ...]]:
    """D_i and the hard negatives with W_i and Phi where the method has public data, else the client's own alone."""
    proxies = client.proxies()
    if not client.settings.method.has("public"):
        return client.images, (proxies,)
    return joined_images(client), (proxies, client.public_proxies)
