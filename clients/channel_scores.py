"""What a client's images say about the channels of the starting model: one number for each leaves it."""

from __future__ import annotations

import numpy as np
import torch

from clients.client import Client
from fedreid.pruning.from_images import image_scores
from fedreid.pruning.tier_maps import prunable

SCORING = 9  # stream of random numbers, see `clients.client`


def channel_scores(client: Client) -> dict[str, np.ndarray]:
    """{group: (width,) float32}: the scenario's criterion over the client's loss.

    Nobody has trained class proxies yet, so each person's is the mean of its features: those of `proxies` at random
    would say nothing about channels.
    """
    space = client.workspace
    found = image_scores(
        client.model,
        prunable(client.model, client.settings.pruning),
        client.images,
        torch.from_numpy(client.class_means()),
        client.settings,
        client.generator(SCORING),
        space.device,
    )
    return {name: values.numpy() for name, values in found.items()}
