"""Model-contrastive loss: a client's embedding near the global model's, away from its own of last time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def model_contrastive(
    embeddings: Tensor, global_embeddings: Tensor, previous_embeddings: Tensor, *, temperature: float = 0.5
) -> Tensor:
    """Mean over the batch of -log( e^(sim(f, g) / t) / (e^(sim(f, g) / t) + e^(sim(f, p) / t)) ), sim being the cosine.

    Li et al., Model-Contrastive Federated Learning (MOON), CVPR 2021; eq. 7.5 of the dissertation. With two terms in
    the denominator it is softplus((sim(f, p) - sim(f, g)) / t), which overflows nowhere.

    In a client's first round there is no previous model: leave the term out. The global model in its place would give
    the constant log 2 with a gradient of exactly zero.

    Args:
        embeddings: f, (batch, dim), any length; normalised here.
        global_embeddings: g, the same images under the model that the server sent; a constant, whatever its graph.
        previous_embeddings: p, the same images under the client's model of its last participation; a constant as well.
        temperature: t.

    Raises:
        ValueError: an empty batch, three shapes that aren't the same, or a temperature that isn't above 0.
    """
    _check(embeddings, global_embeddings, previous_embeddings, temperature)
    with torch.no_grad():
        apart = F.normalize(previous_embeddings) - F.normalize(global_embeddings)
    return F.softplus((F.normalize(embeddings) * apart).sum(1) / temperature).mean()


def _check(embeddings: Tensor, global_embeddings: Tensor, previous_embeddings: Tensor, temperature: float) -> None:
    if embeddings.dim() != 2 or not len(embeddings):
        raise ValueError(f"embeddings must be (batch, dim) of at least one image, found {tuple(embeddings.shape)}")
    for name, others in (("global", global_embeddings), ("previous", previous_embeddings)):
        if others.shape != embeddings.shape:
            raise ValueError(
                f"{name} embeddings must be {tuple(embeddings.shape)} as the client's, found {tuple(others.shape)}"
            )
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, found {temperature}")
