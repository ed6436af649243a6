"""What contradicts soft pruning across rounds, where everybody trains the whole network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fedreid.scenario.schema import Scenario


def progressive_contradictions(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Pairs (dotted key, what is wrong with it) of a scenario with `pruning.scores = "progressive"`."""
    pruning, model = scenario.pruning, scenario.model
    if all(share == 1 for share in pruning.tiers):
        yield "pruning.tiers", "= [1.0] has nothing to set to zero: add a smaller tier, as in [1.0, 0.5]"
    if pruning.criterion == "bn_scale":
        yield (
            "pruning.criterion",
            "= 'bn_scale' reads BatchNorm, which soft pruning leaves alone: nothing that is zero would score low. "
            "Use 'l2', 'l1', 'fpgm' or 'sparsity'",
        )
    if pruning.schedule != "uniform":
        yield (
            "pruning.schedule",
            f"= {pruning.schedule!r}, and progressive pruning has a share for each layer: use 'uniform'",
        )
    if pruning.refresh_rounds:
        yield "pruning.refresh_rounds", "is for tiers that train, and progressive ones come at the end: use 0"
    if model.has_batchnorm and pruning.batchnorm != "tier":
        yield (
            "pruning.batchnorm",
            f"= {pruning.batchnorm!r} averages over tiers in training; progressive ones come at the end: use 'tier'",
        )
    if model.has_batchnorm and scenario.batchnorm != "average":
        yield (
            "pruning.scores",
            "= 'progressive' measures statistics anew when the tiers come, and BatchNorm that stays with the clients "
            "has none for them: use federation.batchnorm = 'average'",
        )
