"""Scores of every group of a model by its weights alone; no data is needed, so the server can compute them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from fedreid.errors import UserError
from fedreid.pruning.criteria.bn_scale import bn_scale
from fedreid.pruning.criteria.fpgm import fpgm
from fedreid.pruning.criteria.l1 import l1
from fedreid.pruning.criteria.l2 import l2
from fedreid.pruning.criteria.sparsity import sparsity
from fedreid.pruning.groups import ChannelGroup

WeightCriterion = Literal["l1", "l2", "sparsity", "fpgm", "bn_scale"]
Reduction = Literal["mean", "root"]
OF_FILTERS: dict[str, Callable[[Tensor], Tensor]] = {"l1": l1, "l2": l2, "sparsity": sparsity, "fpgm": fpgm}


def weight_scores(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    criterion: WeightCriterion,
    *,
    reduction: Reduction = "mean",
    roots: Mapping[str, str] | None = None,
) -> dict[str, Tensor]:
    """One score for each channel of each group -> {group: (width,)}.

    Where several convolutions lose a channel together, its score is the mean of theirs, each divided first by its
    layer's mean: layers differ in scale. `bn_scale` isn't divided: what a BatchNorm emits is on one scale everywhere.

    Args:
        reduction: "root" asks one producer of each group only.
        roots: that producer, by group; a group without an entry is asked by its shortcut convolution, which
            reproduces chapter 5 of the dissertation, or else by its first producer.

    Raises:
        UserError: `bn_scale` of a group without BatchNorm.
        ValueError: an unknown criterion or reduction, or a root that doesn't produce its group.
    """
    if reduction not in get_args(Reduction):
        raise ValueError(f"reduction must be one of {', '.join(get_args(Reduction))}; found {reduction}")
    if criterion == "bn_scale":
        return {group.name: _scale_of(model, group) for group in groups}
    if criterion not in OF_FILTERS:
        raise ValueError(f"weight criteria are {', '.join(get_args(WeightCriterion))}; found {criterion}")
    score, roots = OF_FILTERS[criterion], roots or {}
    asked = {group.name: (root_of(group, roots),) if reduction == "root" else group.producers for group in groups}
    return {
        name: torch.stack([_relative(score(_weight(model, layer))) for layer in layers]).mean(0)
        for name, layers in asked.items()
    }


def root_of(group: ChannelGroup, roots: Mapping[str, str]) -> str:
    """The one producer that is asked for a group's scores.

    Raises:
        ValueError: `roots` names another group's layer.
    """
    if group.name in roots:
        if roots[group.name] not in group.producers:
            found, known = roots[group.name], ", ".join(group.producers)
            raise ValueError(f"group {group.name} is produced by {known}; found {found}")
        return roots[group.name]
    return next((layer for layer in group.producers if "downsample" in layer), group.producers[0])


def _relative(scores: Tensor) -> Tensor:
    """Divided by their mean; a layer of zeros stays zero."""
    mean = scores.mean()
    return scores / mean if mean > 0 else scores


def _scale_of(model: nn.Module, group: ChannelGroup) -> Tensor:
    if not group.batchnorms:
        raise UserError(f"the criterion bn_scale reads BatchNorms, and there is none in {group.name}.")
    return torch.stack([bn_scale(_weight(model, layer)) for layer in group.batchnorms]).mean(0)


def _weight(model: nn.Module, layer: str) -> Tensor:
    weight = model.get_submodule(layer).weight
    if not isinstance(weight, Tensor):
        raise ValueError(f"layer {layer} has no weight to score")
    return weight
