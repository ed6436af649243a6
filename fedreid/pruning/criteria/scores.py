"""Any criterion by its name: scores of every channel of every group of a model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args

from torch import Tensor, nn

from fedreid.errors import UserError
from fedreid.pruning.criteria.activations import ActivationImpacts
from fedreid.pruning.criteria.by_weight import Reduction, WeightCriterion, weight_scores
from fedreid.pruning.criteria.gates import LossImpacts
from fedreid.pruning.criteria.taylor_activation import with_cost_term
from fedreid.pruning.criteria.taylor_batchnorm import GroupMode
from fedreid.pruning.groups import ChannelGroup

WITHOUT_DATA = get_args(WeightCriterion)
WITH_DATA = ("taylor_activation", "taylor_batchnorm")


def scores(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    criterion: str,
    *,
    batches: Iterable[Any] | None = None,
    loss: Callable[[nn.Module, Any], Tensor] | None = None,
    reduction: Reduction = "mean",
    roots: Mapping[str, str] | None = None,
    group_mode: GroupMode = "sum_of_squares",
    channel_costs: Mapping[str, float] | None = None,
    cost_weight: float = 0.0,
) -> dict[str, Tensor]:
    """{group: (width,)}, larger for what is to stay. The model stays as it is, statistics and gradients included.

    CAIE is "taylor_batchnorm" divided by resource impacts that change at every step: see `caie_scores`.

    Args:
        criterion: one of `WITHOUT_DATA` or `WITH_DATA`.
        batches: mini-batches, all of which are used; the criteria with data need them.
        loss: (model, mini-batch) -> the mean training loss.
        reduction: of weight criteria, see `weight_scores`.
        roots: of weight criteria.
        group_mode: of "taylor_batchnorm".
        channel_costs: of "taylor_activation", what one channel of each group costs; None: no cost term.
        cost_weight: the weight of that term.

    Raises:
        UserError: an unknown criterion, or one that needs data without data.
    """
    if criterion in WITHOUT_DATA:
        return weight_scores(model, groups, criterion, reduction=reduction, roots=roots)  # type: ignore[arg-type]
    if criterion not in WITH_DATA:
        raise UserError(f"criterion must be one of {', '.join(WITHOUT_DATA + WITH_DATA)}; found {criterion}.")
    if batches is None or loss is None:
        raise UserError(
            f"the criterion {criterion} reads gradients and needs data to compute them: give images, or take one of "
            f"{', '.join(WITHOUT_DATA)}, which look at weights only."
        )
    copied = copy.deepcopy(model).train()
    if criterion == "taylor_batchnorm":
        gates = LossImpacts(copied, groups, mode=group_mode)
        with gates.watching():
            _backward(copied, batches, loss, criterion, gates.update)
        return gates.values()
    activations = ActivationImpacts(copied, groups)
    with activations.watching():
        _backward(copied, batches, loss, criterion, lambda: None)
    if channel_costs is None:
        return activations.values()
    if absent := [group.name for group in groups if group.name not in channel_costs]:
        raise ValueError(f"no cost of a channel of {', '.join(absent)}")
    values = activations.values()
    return {name: with_cost_term(value, channel_costs[name], cost_weight) for name, value in values.items()}


def _backward(
    model: nn.Module,
    batches: Iterable[Any],
    loss: Callable[[nn.Module, Any], Tensor],
    criterion: str,
    update: Callable[[], None],
) -> None:
    """A forward and a backward pass for each mini-batch; no weight moves."""
    is_empty = True
    for batch in batches:
        is_empty = False
        model.zero_grad()
        loss(model, batch).backward()  # type: ignore[no-untyped-call]
        update()
    if is_empty:
        raise UserError(f"the criterion {criterion} needs data, and there is not one mini-batch.")
