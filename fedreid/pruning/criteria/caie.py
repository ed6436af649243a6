"""CAIE: the loss impact of a channel for each unit of the resources that still have to be saved.

Chapter 6 of the dissertation. There is no trade-off number to tune: what is still missing of each resource weighs it,
and a resource that is met stops counting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

NEGLIGIBLE = 1e-12
"""A channel that saves no more than this share of what is missing is no candidate."""
AT_THE_LIMIT = 1e-12
"""R of a resource that is at its limit to the last digit: not met yet, as the test is strict, so not 0."""


def objectives(current: Mapping[str, float], limits: Mapping[str, float]) -> dict[str, float]:
    """R = max((C - C_max) / C, 0) of each constrained resource (eq. 6.15 ff.).

    Both terms are of the network as it is now, not of the original: the direction keeps pointing at the target.

    Args:
        current: C, what the network consumes now.
        limits: C_max, in the same units.

    Raises:
        ValueError: a limit on something that isn't counted, or a consumption of nothing.
    """
    missing = sorted(set(limits) - set(current))
    if missing:
        raise ValueError(f"limits on {', '.join(missing)}, but what is counted is {', '.join(sorted(current))}")
    nothing = sorted(name for name in limits if current[name] <= 0)
    if nothing:
        raise ValueError(f"the network consumes no {', '.join(nothing)}: nothing can be saved")
    return {
        name: max((current[name] - limit) / current[name], AT_THE_LIMIT if current[name] >= limit else 0.0)
        for name, limit in limits.items()
    }


def effective_impact(impacts: Mapping[str, float], missing: Mapping[str, float]) -> float:
    """r_e = Σ r_i R_i / ‖R‖: a channel's resource impacts, projected on what is missing (eq. 6.17).

    With one resource it is that resource's impact. Measured resources (latency) can come out below zero for one
    channel; such an impact counts as 0.

    Args:
        impacts: r_i, the share of each resource that goes with one channel.
        missing: R_i of `objectives`, not all zero.

    Raises:
        ValueError: nothing is missing, or an impact isn't given.
    """
    length = math.hypot(*missing.values())
    if not length > 0:
        raise ValueError("every constraint is met: there is no direction to project on")
    absent = sorted(set(missing) - set(impacts))
    if absent:
        raise ValueError(f"no impact on {', '.join(absent)}")
    return sum(max(impacts[name], 0.0) * wanted for name, wanted in missing.items()) / length


def caie(loss_impact: Tensor, effective: float) -> Tensor:
    """I = l / r_e of each channel of a group (eqs. 6.10 and 6.18). Larger: keep.

    Args:
        loss_impact: (channels,).
        effective: `effective_impact` of one channel, the same for all of a group.

    Returns:
        (channels,); infinite where removing a channel saves nothing that is missing: no candidate.
    """
    if effective <= NEGLIGIBLE:
        return torch.full_like(loss_impact, math.inf)
    return loss_impact / effective


def caie_scores(
    loss_impacts: Mapping[str, Tensor], impacts: Mapping[str, Mapping[str, float]], missing: Mapping[str, float]
) -> dict[str, Tensor]:
    """I of every channel of every group -> {group: (channels,)}.

    Args:
        loss_impacts: by group, (channels,).
        impacts: by group, the share of each resource that one channel saves.
        missing: R of `objectives`.

    Raises:
        ValueError: nothing is missing, or a group or resource has no impact.
    """
    if absent := [name for name in loss_impacts if name not in impacts]:
        raise ValueError(f"no resource impacts of {', '.join(absent)}")
    return {name: caie(value, effective_impact(impacts[name], missing)) for name, value in loss_impacts.items()}
