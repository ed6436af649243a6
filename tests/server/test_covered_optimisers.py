"""Server optimisers where no client has some of the weights: those neither move nor forget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Message, RecordDict

from fedreid import wire
from fedreid.pruning.aggregation import CoverageMean
from server.strategies.server_optimisers import NAMES
from tests.server.replies import answer, play, strategy


class OnePart:
    """Stands for `SubNetworks`: a single tier that has these places of theta."""

    def __init__(self, places: list[int]) -> None:
        self.places = np.array(places)
        self.arrays: Mapping[str, np.ndarray] = {}
        self.mean: CoverageMean | None = None

    @property
    def covered(self) -> dict[str, np.ndarray]:
        assert self.mean is not None
        return {name: coverage.is_covered for name, coverage in self.mean.coverage.items()}

    def contents(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord) -> Any:
        self.arrays = wire.to_arrays(arrays)
        content = RecordDict({wire.ARRAYS: arrays, wire.CONFIG: config})
        return lambda client: content

    def new_mean(self) -> CoverageMean:
        self.mean = CoverageMean(self.arrays, {"part": {"theta": (self.places, None)}})
        return self.mean

    def fold(self, mean: CoverageMean, reply: Message, client: int, weight: float) -> None:
        mean.add(wire.arrays_of(reply), weight, "part")

    def finished(self, mean: CoverageMean) -> Mapping[str, np.ndarray]:
        return mean.mean()


def theta(*values: float) -> dict[str, np.ndarray]:
    return {"theta": np.array(values, np.float32)}


ROUNDS = {1: ([0, 1], (2.0, -1.0)), 2: ([0], (5.0,)), 3: ([0, 1], (3.0, 4.0))}  # round: places, the client's values


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_that_nobody_had_for_a_round_goes_on_as_if_that_round_had_not_been(name: str) -> None:
    """Each weight by itself, in the rounds in which somebody had it, is the reference: the steps are elementwise."""
    server = strategy(name, learning_rate=0.5, momentum=0.5)
    model = theta(0.25, 0.5)
    seen = []
    for number, (places, values) in ROUNDS.items():
        server.sub_networks = OnePart(places)  # type: ignore[assignment]
        model = play(server, model, [answer(theta(*values))], number)
        seen.append(model["theta"].copy())
    assert seen[1][1].tobytes() == seen[0][1].tobytes(), "untouched bit for bit"
    for place, start in enumerate((0.25, 0.5)):
        alone, own = strategy(name, learning_rate=0.5, momentum=0.5), theta(start)
        for number, (places, values) in ROUNDS.items():
            if place in places:
                own = play(alone, own, [answer(theta(values[places.index(place)]))], number)
        assert seen[2][place].tobytes() == own["theta"][0].tobytes()
