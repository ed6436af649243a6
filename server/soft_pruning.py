"""Progressive pruning across rounds: the server sets ever more filters of the global model to zero, between rounds.

Algorithm 1 of "Exploiting prunability for person re-identification" (arXiv 1907.02547) with a round for an epoch:
after round e the floor(N P'(e)) lowest filters of each layer are zero, chosen afresh, and may come back in the next
round, as clients train the whole network. After the last round they are removed instead: tiers are cut out of the
model as it was averaged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fedreid.models.flat import FlatArrays
from fedreid.pruning.criteria.by_weight import weight_scores
from fedreid.pruning.schedules.consumption import Consumption
from fedreid.pruning.schedules.progressive_rate import ProgressiveRate
from fedreid.pruning.schedules.soft import lowest
from fedreid.pruning.schedules.uniform import uniform_rate
from fedreid.pruning.selection import whole
from fedreid.pruning.tier_maps import prunable
from server.tier_maps import whole_network

if TYPE_CHECKING:
    from server.setup import Setup

logger = logging.getLogger(__name__)

Rows = Mapping[str, list[int]]
"""By array, which of its rows."""


class SoftPruning:
    """The steps of one run, towards its smallest tier.

    Only weights of convolutions become zero. With scale and shift of the BatchNorm behind at zero too, no gradient
    would ever reach the filter again.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        settings, model = setup.scenario.pruning, whole_network(setup)
        self.criterion, self.groups = settings.criterion, prunable(model, settings)
        costs = Consumption(model, self.groups, setup.scenario.data.image_size, resources=("macs",))
        goal = uniform_rate(costs, costs.limits({"macs": min(settings.tiers)}))
        self.rate = ProgressiveRate(goal, setup.scenario.federation.rounds, settings.decay)

    def rows(self, server_round: int, arrays: Mapping[str, np.ndarray]) -> Rows:
        """The filters that are to be zero after a round, by their convolutions' weights."""
        model = whole_network(self.setup, arrays)
        counts = {group.name: whole(group.width * self.rate(server_round)) for group in self.groups}
        chosen = lowest(weight_scores(model, self.groups, self.criterion), counts)  # type: ignore[arg-type]
        zeroed, channels = sum(counts.values()), sum(group.width for group in self.groups)
        logger.info("round %d: %d of %d channels are set to zero", server_round, zeroed, channels)
        layers = {f"{layer}.weight": chosen[group.name] for group in self.groups for layer in group.producers}
        return {name: rows for name, rows in layers.items() if name in arrays and rows}


def without_rows(arrays: Mapping[str, np.ndarray], rows: Rows) -> Mapping[str, np.ndarray]:
    """A copy with these rows at zero; in one block if the arrays are."""
    copied: Mapping[str, np.ndarray]
    if isinstance(arrays, FlatArrays):
        copied = FlatArrays(arrays.layout, arrays.block.copy())
    else:
        copied = {name: array.copy() for name, array in arrays.items()}
    for name, chosen in rows.items():
        copied[name][chosen] = 0
    return copied
