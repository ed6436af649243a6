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
    unread = {
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
    unread["faithful.random_previous"] = not method.has("contrastive") and "without the contrastive part"
    return [
        f"{key} = {_value(scenario, key)!r} has no effect: {reason}"
        for key, reason in unread.items()
        if reason and _value(scenario, key) != _value(plain, key)
    ]


def _value(scenario: Scenario, key: str) -> Any:
    return reduce(getattr, key.split("."), scenario)
