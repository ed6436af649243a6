"""CAIE's loop: train a few mini-batches, read the loss impacts off the gradients, remove a few channels, again.

Algorithm 3 of the dissertation, chapter 6. Fine-tuning afterwards is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from fedreid.pruning.criteria.caie import caie_scores
from fedreid.pruning.groups import ChannelGroup
from fedreid.pruning.schedules.caie_scoring import CaieOptions, Loss, loss_impacts
from fedreid.pruning.schedules.consumption import Consumption
from fedreid.pruning.schedules.descent import Limits, descend, floors_of, tiers_of
from fedreid.pruning.schedules.records import Pruned
from fedreid.pruning.schedules.shrinking import Shrinking


def caie_loop(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    batches: Iterable[Any],
    loss: Loss,
    costs: Consumption,
    limits: Limits | Sequence[Limits],
    *,
    options: CaieOptions | None = None,
    also_train: Sequence[nn.Parameter] = (),
    architecture: str | None = None,
) -> Pruned:
    """Prune a trained network until it consumes less than the limits of each constrained resource.

    Args:
        model: trained: at initialisation the loss impacts say nothing. Stays as it is.
        groups: those that may lose channels.
        batches: mini-batches, as many as it takes: an endless iterator.
        loss: the full training loss; called with the network as it is then, in training mode.
        costs: of the model and these groups.
        limits: what may remain, in the resource's units (`costs.limits` makes them from shares); or several such sets,
            decreasing, for nested maps from one descent.
        also_train: parameters of the loss that aren't the model's, such as class proxies; they change.
        architecture: what the maps are of, see `Shrinking`.

    Returns:
        The small network, trained as far as the scoring did, its map, one record a step, and one map a tier.

    Raises:
        UserError: limits that can't be met, or aren't decreasing; a group without BatchNorm.
        ValueError: the mini-batches end, or the loss isn't finite.
    """
    options = options or CaieOptions()
    stream = iter(batches)
    network = Shrinking(model, groups, architecture)

    def importance(network: Shrinking, missing: Mapping[str, float]) -> dict[str, Tensor]:
        losses = loss_impacts(network.model, network.groups, stream, loss, options, also_train)
        return caie_scores(losses, costs.impacts(network.widths), missing)

    return descend(
        network,
        costs,
        tiers_of(limits),
        importance,
        count=options.channels_per_step,
        floors=floors_of(groups, options.minimum_share),
        exact_last_step=options.exact_last_step,
    )
