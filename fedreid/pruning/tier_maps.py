"""The map of each tier: from the scenario's settings, the starting network, and scores where they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn

from fedreid.errors import UserError
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.criteria.caie import caie_scores
from fedreid.pruning.criteria.scores import scores as scores_of
from fedreid.pruning.groups import ChannelGroup, architecture_of, groups_of
from fedreid.pruning.map_files import maps_from
from fedreid.pruning.maps import full_map, is_nested
from fedreid.pruning.prefixes import prefix_map, prefix_rate
from fedreid.pruning.schedules.consumption import Consumption
from fedreid.pruning.schedules.descent import descend, floors_of
from fedreid.pruning.schedules.one_shot import one_shot
from fedreid.pruning.schedules.records import Pruned
from fedreid.pruning.schedules.shrinking import Shrinking
from fedreid.pruning.schedules.uniform import uniform, uniform_rate
from fedreid.scenario.pruning_schema import PruningSettings

Scores = Mapping[str, Tensor]
Limits = Sequence[Mapping[str, float]]
Loop = Callable[[Sequence[ChannelGroup], Consumption, Limits], Pruned]
"""CAIE's loop over images, which the caller has: (groups, costs, limits of the tiers) -> maps."""


def prunable(model: nn.Module, settings: PruningSettings) -> tuple[ChannelGroup, ...]:
    """The groups that may lose channels in some tier."""
    return groups_of(model, frozen=None if settings.embedding_channels_frozen else ())


def check_tiers(model: nn.Module, settings: PruningSettings, image_size: tuple[int, int]) -> None:
    """Refuse tiers that no network can be small enough for, before any training.

    Raises:
        UserError: naming the smallest network's consumption; or a backbone without a table of groups.
    """
    groups = prunable(model, settings)
    costs = Consumption(model, groups, image_size, resources=("macs",))
    share = settings.minimum_share if settings.maps == "importance" and settings.schedule != "uniform" else 0.0
    for limits in _limits(costs, settings.tiers):
        costs.check(limits, floors_of(groups, share))


def tier_maps(
    model: nn.Module,
    settings: PruningSettings,
    image_size: tuple[int, int],
    *,
    scores: Scores | None = None,
    loop: Loop | None = None,
) -> list[ChannelMap]:
    """One map for each of `settings.tiers`.

    Args:
        model: the starting network, whole.
        scores: by group, where the criterion needs data; weight criteria are computed here.
        loop: of CAIE, where images are at hand; without, it divides the given scores.

    Raises:
        UserError: a tier that can't be reached, or isn't inside the one before where that is wanted.
    """
    groups = prunable(model, settings)
    full = full_map(groups, architecture_of(model))
    costs = Consumption(model, groups, image_size, resources=("macs",))
    limits = _limits(costs, settings.tiers)
    small = _small_maps(model, groups, full, costs, limits, settings, scores, loop) if limits else []
    maps = [*([full] if len(limits) < len(settings.tiers) else []), *small]
    if settings.nested and settings.maps != "fedrolex":
        _refuse_unnested(maps, settings)
    return maps


def _limits(costs: Consumption, shares: Sequence[float]) -> list[dict[str, float]]:
    return [costs.limits({"macs": share}) for share in shares if share < 1]


def _small_maps(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    full: ChannelMap,
    costs: Consumption,
    limits: Limits,
    settings: PruningSettings,
    scores: Scores | None,
    loop: Loop | None,
) -> list[ChannelMap]:
    if settings.maps == "files":
        return maps_from(settings.map_files, full, costs, limits)
    if settings.maps != "importance":
        return [prefix_map(full, prefix_rate(costs, each)) for each in limits]
    if settings.criterion == "caie" and loop is not None:
        return _one_or_each(limits, settings.nested, lambda chosen: loop(groups, costs, chosen))
    if scores is None:
        scores = scores_of(model, groups, settings.criterion)
    known = scores
    if settings.criterion == "caie":
        return _one_or_each(
            limits, settings.nested, lambda chosen: _caie(model, groups, known, costs, chosen, settings)
        )
    if settings.schedule == "one_shot":
        share = settings.minimum_share
        return list(one_shot(model, groups, known, costs, limits, minimum_share=share).tiers)
    return [uniform(model, groups, known, uniform_rate(costs, each)).channel_map for each in limits]


def _one_or_each(limits: Limits, nested: bool, prune: Callable[[Limits], Pruned]) -> list[ChannelMap]:
    """From one descent, or for each tier from the whole network."""
    return list(prune(limits).tiers) if nested else [prune([each]).channel_map for each in limits]


def _caie(
    model: nn.Module,
    groups: Sequence[ChannelGroup],
    impacts: Scores,
    costs: Consumption,
    limits: Limits,
    settings: PruningSettings,
) -> Pruned:
    """CAIE with loss impacts that were measured once, on the whole network; the resource impacts are always current."""

    def importance(network: Shrinking, missing: Mapping[str, float]) -> dict[str, Tensor]:
        kept = network.channel_map.kept
        left = {name: impacts[name][list(ids)] for name, ids in kept.items()}
        return caie_scores(left, costs.impacts(network.widths), missing)

    floors = floors_of(groups, settings.minimum_share)
    return descend(Shrinking(model, groups), costs, list(limits), importance,
                   count=settings.channels_per_step, floors=floors)  # fmt: skip


def _refuse_unnested(maps: Sequence[ChannelMap], settings: PruningSettings) -> None:
    for number, (large, small) in enumerate(pairwise(maps), start=1):
        if not is_nested(small, large):
            files = settings.map_files[-len(maps) + number :] if settings.maps == "files" else ()
            whose, remedy = (f" ({files[0]})", "other maps") if files else ("", "another criterion")
            raise UserError(
                f"pruning.nested = true, but tier {settings.tiers[number]:g}{whose} has channels that tier "
                f"{settings.tiers[number - 1]:g} lacks. Set pruning.nested = false, or take {remedy}."
            )
