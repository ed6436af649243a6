"""MOON's local step: FedAvg's, with features drawn to the global model's and away from the client's previous model's.

Li, He and Song, Model-Contrastive Federated Learning, CVPR 2021: L = L_sup + mu L_con, with L_con as in eq. 7.5 of the
dissertation, L_sup CosFace over the client's own identities. The paper compares the outputs of a projection head on top
of the encoder; a re-identification network's embedding is that output already.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from clients.client import Client
from clients.methods.contrast import Contrast
from clients.training import train
from fedreid.data.image_set import Images
from fedreid.training import Batch, Classification, TrainingStats


def moon(client: Client) -> TrainingStats:
    """One round of MOON on one client; in its first one, without a previous model, the term is zero."""
    proxies = client.proxies()
    contrast = Contrast.of(client, client.settings.method.moon)
    stats = train(client, Moon(Classification(client.settings.loss, proxies), contrast))
    client.state["proxies"] = proxies.detach()
    Contrast.keep(client)
    return stats


class Moon:
    """CosFace and the weighted contrastive term, as an objective.

    Args:
        contrast: None where there is no previous model.
    """

    def __init__(self, classification: Classification, contrast: Contrast | None) -> None:
        self.classification, self.contrast = classification, contrast

    def parameters(self) -> Sequence[Tensor]:
        return self.classification.parameters()

    def check(self, images: Images) -> None:
        self.classification.check(images)

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, similarity = self.classification(batch)
        return (loss if self.contrast is None else loss + self.contrast(batch)), similarity
