"""Losses, one per file: equation, shapes, source."""

from fedreid.losses.contrastive import model_contrastive
from fedreid.losses.cosface import cosface, cosface_from_cosines, cosines
from fedreid.losses.distillation import distillation, yu2020
from fedreid.losses.sphere_binary import balanced_bias, sphere_binary, sphere_transform
from fedreid.losses.spreadout import positive_hinge, spreadout
from fedreid.losses.triplet import batch_hard, batch_soft, weighted_triplet

__all__ = [
    "balanced_bias",
    "batch_hard",
    "batch_soft",
    "cosface",
    "cosface_from_cosines",
    "cosines",
    "distillation",
    "model_contrastive",
    "positive_hinge",
    "sphere_binary",
    "sphere_transform",
    "spreadout",
    "weighted_triplet",
    "yu2020",
]
