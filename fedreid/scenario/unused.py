"""Settings that somebody changed and that do nothing, because another setting says otherwise."""

from __future__ import annotations

from functools import reduce
from typing import Any

from fedreid.scenario.schema import DataSettings, Scenario
from fedreid.scenario.source_schema import SyntheticSource


def without_effect(scenario: Scenario) -> list[str]:
    """A line for each setting that isn't its default and that this scenario doesn't read.

    Settings of other methods (`method.moon.*` under fedfr) are not listed: they are there for switching methods.
    """
    plain = Scenario(data=DataSettings(sources={"any": SyntheticSource(format="synthetic")}))
    method, selects = scenario.method, scenario.method.hard_negatives.select
    unread: dict[str, str | bool] = {
        "method.hard_negatives.threshold": selects != "threshold" and f"select = {selects!r}",
        "method.hard_negatives.quantile": selects != "quantile" and f"select = {selects!r}",
        "loss.triplet_margin": scenario.loss.triplet != "batch_hard" and f"loss.triplet = {scenario.loss.triplet!r}",
        "loss.triplet_weight": scenario.loss.triplet == "none" and "loss.triplet = 'none'",
        "sampling.images": not scenario.sampling.identities and "sampling.identities = 0",
        "method.milestones": method.schedule != "steps" and f"method.schedule = {method.schedule!r}",
        "faithful.drop_last": (not method.has("public") and "without public images")
        or (scenario.sampling.identities > 0 and "with P x K batches"),
    }
    public = ("freeze_public_proxies", "weights_include_hard_negatives")
    unread |= {f"faithful.{name}": not method.has("public") and "without public images" for name in public}
    if not scenario.model.has_batchnorm:  # a SphereNet: its own first layer, and four strides of 2
        unread |= dict.fromkeys(("model.stem", "model.last_stride"), f"model.backbone = {scenario.model.backbone!r}")
    unread |= _of_pruning(scenario)
    unread["faithful.random_previous"] = not method.has("contrastive") and "without the contrastive part"
    return [
        f"{key} = {_value(scenario, key)!r} has no effect: {reason}"
        for key, reason in unread.items()
        if reason and _value(scenario, key) != _value(plain, key)
    ]


def _of_pruning(scenario: Scenario) -> dict[str, str | bool]:
    pruning = scenario.pruning
    names = [name for name in type(pruning).model_fields if name not in ("tiers", "budgets")]
    if all(share == 1 for share in pruning.tiers):
        return dict.fromkeys((f"pruning.{name}" for name in names), f"pruning.tiers = {list(pruning.tiers)}")
    by_place = pruning.maps != "importance" and f"maps = {pruning.maps!r}"
    has_own = pruning.criterion == "caie" and "caie has a schedule of its own"
    without_data = pruning.scores in ("weights", "progressive") and f"scores = {pruning.scores!r}"
    found: dict[str, str | bool] = {
        "pruning.criterion": by_place,
        "pruning.scores": by_place,
        "pruning.schedule": by_place or has_own,
        "pruning.batches": by_place or without_data,
        "pruning.channels_per_step": by_place or (pruning.criterion != "caie" and "for criterion = 'caie'"),
        "pruning.minimum_share": by_place or (not has_own and pruning.schedule == "uniform" and "schedule = 'uniform'"),
        "pruning.nested": pruning.maps == "fedrolex" and "maps = 'fedrolex'",
        "pruning.refresh_rounds": by_place
        or (pruning.refresh_rounds >= scenario.federation.rounds and "no round is left after so many"),
        "pruning.decay": pruning.scores != "progressive" and f"scores = {pruning.scores!r}",
        "pruning.scaler": pruning.is_progressive and "scores = 'progressive': everybody trains the whole network",
        "pruning.aggregation_weight": pruning.is_progressive and "scores = 'progressive'",
    }
    if not scenario.model.has_batchnorm:
        found["pruning.batchnorm"] = f"model.backbone = {scenario.model.backbone!r}"
    elif scenario.batchnorm != "average":
        found["pruning.batchnorm"] = "BatchNorm's statistics stay with the clients"
    return found


def _value(scenario: Scenario, key: str) -> Any:
    return reduce(getattr, key.split("."), scenario)
