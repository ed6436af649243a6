"""FedFace's local step: FedAvg's, but the class proxies go to the server, which spreads them out and gives them back.

Aggarwal, Zhou and Jain, FedFace: Collaborative Learning of Face Recognition Model, IJCB 2021. Proxies start as the mean
feature of each identity, whatever `method.proxies` says. A client with a single identity, the case that the paper is
about, has nothing to tell apart: its images are drawn to its proxy until their cosine is near enough.

The proxies of private people leave their client, which FedFR forbids: this is a baseline.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from clients.client import Client
from clients.training import train
from fedreid.data.image_set import Images
from fedreid.losses import cosines, positive_hinge
from fedreid.training import Batch, Classification, Objective, TrainingStats


def fedface(client: Client) -> TrainingStats:
    """One round of FedFace on one client. The proxies are kept as well, for a server that hasn't any to give."""
    proxies = nn.Parameter(_start(client).to(client.workspace.device))
    objective: Objective = Classification(client.settings.loss, proxies)
    if len(proxies) == 1:
        objective = PositiveHinge(proxies, client.settings.method.fedface.target)
    stats = train(client, objective)
    client.state["proxies"] = proxies.detach()
    client.sent_proxies = proxies.detach().cpu().numpy().astype(np.float32)
    return stats


class PositiveHinge:
    """[target - cos(f, w)]_+^2 with the one proxy, as an objective. The accuracy of one class is always 1."""

    def __init__(self, proxy: nn.Parameter, target: float) -> None:
        self.proxy, self.target = proxy, target

    def parameters(self) -> Sequence[Tensor]:
        return [self.proxy]

    def check(self, images: Images) -> None:
        if images.num_identities != 1:
            raise ValueError(f"the hinge is for 1 identity, found {images.num_identities} in {len(images)} images")

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss = positive_hinge(batch.embeddings, self.proxy, target=self.target)
        return loss, cosines(batch.embeddings, self.proxy).detach()


def _start(client: Client) -> Tensor:
    """(K_i, dim): what the server gave back; else the client's own of last time; else class means."""
    given, saved = client.given_proxies, client.state.get("proxies")
    if given is None:
        return torch.from_numpy(client.class_means()) if saved is None else saved
    expected = (client.images.num_identities, client.settings.model.embedding_dim)
    if given.shape != expected:
        raise ValueError(f"client {client.index} got proxies of shape {given.shape}, expected {expected}")
    return torch.from_numpy(given.astype(np.float32))  # a copy: what came may be shared and read-only
