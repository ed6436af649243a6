"""CosFace: softmax over cosines, with a margin taken off the true class."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cosface(
    embeddings: Tensor,
    proxies: Tensor,
    labels: Tensor,
    *,
    scale: float = 30.0,
    margin: float = 0.4,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Mean over the batch of -log( e^(s(c_y - m)) / (e^(s(c_y - m)) + sum over j != y of e^(s c_j)) ).

    Wang et al., CosFace, CVPR 2018; eq. 7.3 of the dissertation when `proxies` stacks private over public ones.

    Args:
        embeddings: (batch, dim), any length; normalised here.
        proxies: (classes, dim), one learnable vector per identity.
        labels: (batch,), row of each sample's own proxy.
        scale: s, the inverse temperature.
        margin: m, taken off the cosine of the true class.
        label_smoothing: e; each class is the target with weight e / classes, the true one with 1 - e besides
            (Szegedy et al., Rethinking the Inception Architecture, CVPR 2016).

    Raises:
        ValueError: fewer than two classes, where the loss is zero whatever the embedding; a smoothing outside 0 to 1;
            or a label that is no row of `proxies` (on a GPU, where looking would stall it, torch's own assertion stops
            the program).
    """
    similarity = cosines(embeddings, proxies)
    return cosface_from_cosines(similarity, labels, scale=scale, margin=margin, label_smoothing=label_smoothing)


def cosines(embeddings: Tensor, proxies: Tensor) -> Tensor:
    """(batch, dim) and (classes, dim) -> (batch, classes)."""
    return F.linear(F.normalize(embeddings), F.normalize(proxies))


def cosface_from_cosines(
    cosines: Tensor, labels: Tensor, *, scale: float = 30.0, margin: float = 0.4, label_smoothing: float = 0.0
) -> Tensor:
    """`cosface` for (batch, classes) cosines that are there already."""
    classes = cosines.shape[1]
    if classes < 2:
        raise ValueError(f"CosFace needs at least 2 classes, found {classes}: with one class the loss is always zero")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing must be from 0 to 1, found {label_smoothing}")
    try:
        margins = torch.zeros_like(cosines).scatter_(1, labels.unsqueeze(1), margin)
    except (
        RuntimeError,
        IndexError,
    ) as error:  # looking at the labels only now costs nothing as long as they are right
        _refuse_labels(labels, classes, error)
        raise
    return F.cross_entropy(scale * (cosines - margins), labels, label_smoothing=label_smoothing)


def _refuse_labels(labels: Tensor, classes: int, cause: Exception) -> None:
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ValueError(
            f"labels must be 0 to {classes - 1}, one row of the proxies; found {wrong[0].item()}"
        ) from cause
