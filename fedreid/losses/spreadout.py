"""FedFace's two losses: proxies of all clients kept apart, and a lone identity drawn to its own proxy."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from fedreid.losses.cosface import cosines


def spreadout(proxies: Tensor, *, threshold: float = 0.4) -> Tensor:
    """Mean over ordered pairs of different proxies of [cos - threshold]_+^2.

    Aggarwal et al., FedFace: Collaborative Learning of Face Recognition Model, IJCB 2021, after Yu et al., Federated
    Learning with Only Positive Labels, ICML 2020.

    Args:
        proxies: (identities, dim), any length; normalised here. Memory grows with identities squared.
        threshold: cosines up to this cost nothing.

    Raises:
        ValueError: fewer than two proxies, or a threshold outside -1 to 1.
    """
    if proxies.dim() != 2 or len(proxies) < 2:
        raise ValueError(f"proxies must be (identities, dim) of at least 2 identities, found {tuple(proxies.shape)}")
    if not -1 <= threshold <= 1:
        raise ValueError(f"threshold must be a cosine, from -1 to 1, found {threshold}")
    excess = F.relu(cosines(proxies, proxies) - threshold)
    pairs = len(proxies) * (len(proxies) - 1) / 2
    return excess.triu(diagonal=1).square().sum() / pairs  # each unordered pair once


def positive_hinge(embeddings: Tensor, proxy: Tensor, *, target: float = 0.9) -> Tensor:
    """Mean over the batch of [target - cos(f, w)]_+^2: all that a client with a single identity can learn from.

    Aggarwal et al., FedFace, IJCB 2021; a softmax over one identity is always 1.

    Args:
        embeddings: (batch, dim), any length; normalised here.
        proxy: (dim,) or (1, dim), that of the one identity.
        target: a cosine that is near enough.

    Raises:
        ValueError: an empty batch, several proxies, a proxy of another dim, or a target outside -1 to 1.
    """
    if embeddings.dim() != 2 or not len(embeddings):
        raise ValueError(f"embeddings must be (batch, dim) of at least one image, found {tuple(embeddings.shape)}")
    dim = embeddings.shape[1]
    if proxy.shape not in ((dim,), (1, dim)):
        raise ValueError(f"proxy must be ({dim},) or (1, {dim}), that of one identity, found {tuple(proxy.shape)}")
    if not -1 <= target <= 1:
        raise ValueError(f"target must be a cosine, from -1 to 1, found {target}")
    return F.relu(target - cosines(embeddings, proxy.reshape(1, dim))).square().mean()
