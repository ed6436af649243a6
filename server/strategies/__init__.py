"""Aggregation strategies, by the name a scenario gives them; each is a Flower Strategy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from fedreid.errors import UserError
from fedreid.models import build_backbone
from fedreid.scenario import Scenario
from fedreid.training.device import choose_device
from server.strategies.centralised import Centralised
from server.strategies.fedavg import FedAvg, cohort_size
from server.strategies.fedface import FedFace
from server.strategies.fedpav import FedPavDistillation
from server.strategies.requirements import conflicts, requirements
from server.strategies.server_optimisers import NAMES as OPTIMISERS
from server.strategies.server_optimisers import ServerOptimiser
from server.strategies.whole_cohort import NAMES as WHOLE_COHORT
from server.strategies.whole_cohort import WholeCohort

if TYPE_CHECKING:
    from server.setup import Setup

__all__ = ["STRATEGIES", "FedAvg", "build_strategy", "cohort_size", "conflicts", "requirements"]


def build_strategy(setup: Setup) -> FedAvg:
    """The strategy that a prepared run asks for: its method's own, or the one that `federation.strategy` names.

    Raises:
        UserError: method and strategy don't go together, or distillation has no public images.
    """
    scenario = setup.scenario
    for key, text in conflicts(scenario.method, scenario.federation.strategy):
        raise UserError(f"{key} {text}.")
    if scenario.method.name == "fedface":
        threads = scenario.runtime.server_threads
        return FedFace(scenario.method.fedface, threads=threads, **_sampling(scenario))
    if scenario.method.name == "centralised":
        return Centralised(**_sampling(scenario))
    if scenario.method.name == "fedpav" and scenario.method.fedpav.distillation:
        return _distillation(setup)
    return STRATEGIES[scenario.federation.strategy](scenario)


def _distillation(setup: Setup) -> FedPavDistillation:
    scenario, public = setup.scenario, setup.data.public
    if public is None or not len(public):
        raise UserError(
            "method.fedpav.distillation needs public images, and this federation has none: "
            "set partition.public_identities or partition.public_source, or turn it off."
        )

    def build() -> nn.Module:
        size = scenario.data.image_size
        backbone = build_backbone(scenario.model, image_size=size, generator=torch.Generator().manual_seed(0))
        backbone.load_state_dict(setup.start)
        return backbone

    device, bf16 = choose_device(scenario.runtime)
    return FedPavDistillation(
        build,
        public,
        scenario.method.fedpav,
        batchnorm=scenario.federation.batchnorm,
        batch_size=scenario.method.batch_size,
        embed_batch_size=scenario.evaluation.batch_size,
        device=device,
        bf16=bf16,
        threads=scenario.runtime.server_threads,
        **_sampling(scenario),
    )


def _sampling(scenario: Scenario) -> dict[str, Any]:
    settings = scenario.federation
    return {"fraction": settings.fraction, "participants": settings.participants, "seed": scenario.seed}


def _server_optimiser(name: str, scenario: Scenario) -> FedAvg:
    return ServerOptimiser(name, scenario.aggregation, **_sampling(scenario))


def _whole_cohort(name: str, scenario: Scenario) -> FedAvg:
    rate = scenario.method.learning_rate
    return WholeCohort(name, scenario.aggregation, client_learning_rate=rate, **_sampling(scenario))


STRATEGIES: dict[str, Callable[[Scenario], FedAvg]] = {
    "fedavg": lambda scenario: FedAvg(**_sampling(scenario)),
    **{name: partial(_server_optimiser, name) for name in OPTIMISERS},
    **{name: partial(_whole_cohort, name) for name in WHOLE_COHORT},
}
