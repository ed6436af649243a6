"""Triplet losses over a whole batch: an image nearer to its own person than to anyone else."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

OUT_OF_REACH = 1e4  # e^-10000 is exactly 0; infinity would make rows without any candidate nan


def batch_hard(embeddings: Tensor, labels: Tensor, *, margin: float = 0.3) -> Tensor:
    """Mean over anchors of [m + farthest positive - nearest negative]_+.

    Hermans et al., In Defense of the Triplet Loss for Person Re-Identification, 2017. Ties share the gradient.

    Args:
        embeddings: (batch, dim), any length; normalised here, so distances are Euclidean ones on the unit sphere.
        labels: (batch,), identities. An image that has nobody of its own identity beside it, or nobody of another
            one, is no anchor; without any anchor the loss is 0, still with a (zero) gradient.
        margin: m.

    Raises:
        ValueError: an empty batch, embeddings that aren't (batch, dim), or labels that aren't (batch,).
    """
    distances, positives, negatives = _pairs(embeddings, labels)
    gaps = hardest_gaps(distances, positives, negatives)
    return _mean_over_anchors(F.relu(margin + gaps), positives, negatives)


def batch_soft(embeddings: Tensor, labels: Tensor, *, margin: float = 0.3, detach_weights: bool = False) -> Tensor:
    """Mean over anchors of [m + S_p - S_n]_+, where S_p and S_n are the weighted distances of `weighted_gaps`.

    Ristani and Tomasi, Features for Multi-Target Multi-Camera Tracking and Re-Identification, CVPR 2018, with weights
    that lean towards hard pairs. Arguments and errors as in `batch_hard` and `weighted_gaps`.
    """
    distances, positives, negatives = _pairs(embeddings, labels)
    gaps = weighted_gaps(distances, positives, negatives, detach_weights=detach_weights)
    return _mean_over_anchors(F.relu(margin + gaps), positives, negatives)


def weighted_triplet(embeddings: Tensor, labels: Tensor, *, detach_weights: bool = False) -> Tensor:
    """Mean over anchors of log(1 + e^(S_p - S_n)): no margin to choose, and never quite zero.

    Ye et al., Deep Learning for Person Re-identification: A Survey and Outlook (AGW), TPAMI 2021; eq. 4 of the
    compact re-ID network. Arguments and errors as in `batch_hard` and `weighted_gaps`.
    """
    distances, positives, negatives = _pairs(embeddings, labels)
    gaps = weighted_gaps(distances, positives, negatives, detach_weights=detach_weights)
    return _mean_over_anchors(F.softplus(gaps), positives, negatives)


def hardest_gaps(distances: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Farthest positive minus nearest negative; all (anchors, others) -> (anchors,); -inf where one is missing."""
    farthest = distances.masked_fill(~positives, -torch.inf).amax(1)
    return farthest - distances.masked_fill(~negatives, torch.inf).amin(1)


def weighted_gaps(distances: Tensor, positives: Tensor, negatives: Tensor, *, detach_weights: bool = False) -> Tensor:
    """S_p - S_n: mean distance of the positives, far ones weighing more, minus that of the negatives, near ones more.

    S_p = sum over p of w_p d_p with w = softmax(d) over the positives alone; S_n with w = softmax(-d) over the
    negatives alone.

    Args:
        distances: (anchors, others).
        positives, negatives: the same shape, bool. Rows without any give some finite number that means nothing.
        detach_weights: take the weights as constants; else the gradient flows through them too.
    """
    near = distances.masked_fill(~positives, -OUT_OF_REACH).softmax(1)
    far = (-distances).masked_fill(~negatives, -OUT_OF_REACH).softmax(1)
    weights = near - far
    return ((weights.detach() if detach_weights else weights) * distances).sum(1)


def _pairs(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Distances, and which pairs are positives and negatives: each (batch, batch)."""
    if embeddings.dim() != 2 or not len(embeddings):
        raise ValueError(f"embeddings must be (batch, dim) of at least one image, found {tuple(embeddings.shape)}")
    if labels.shape != embeddings.shape[:1]:
        raise ValueError(f"labels must be ({len(embeddings)},), one for each image, found {tuple(labels.shape)}")
    directions = F.normalize(embeddings)
    # From differences, not from cosines: those lose half of the digits of a small distance. Its gradient at 0 is 0.
    distances = torch.cdist(directions, directions, compute_mode="donot_use_mm_for_euclid_dist")
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return distances, same & ~itself, ~same


def _mean_over_anchors(losses: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    is_anchor = positives.any(1) & negatives.any(1)
    return torch.where(is_anchor, losses, 0).sum() / is_anchor.sum().clamp(min=1)
