"""Soft pruning between rounds: which rows become zero, and what a server optimiser forgets of them."""

from __future__ import annotations

import numpy as np
import pytest

from fedreid.models.flat import FlatArrays, Layout
from fedreid.scenario.schema import AggregationSettings
from server.soft_pruning import without_rows
from server.strategies.fedavg import FedAvg
from server.strategies.server_optimisers import ServerOptimiser

ROWS = {"conv.weight": [0, 2]}


def arrays() -> dict[str, np.ndarray]:
    return {"conv.weight": np.arange(1.0, 7.0, dtype=np.float32).reshape(3, 2), "bn.weight": np.ones(3, np.float32)}


def test_rows_are_zero_in_a_copy() -> None:
    before = arrays()
    found = without_rows(before, ROWS)
    assert found["conv.weight"].tolist() == [[0, 0], [3, 4], [0, 0]]
    assert found["bn.weight"].tolist() == [1, 1, 1]
    assert before["conv.weight"].all()


def test_arrays_in_one_block_stay_in_one() -> None:
    layout = Layout(("conv.weight",), ((3, 2),), ((2, 1),), (0,), 6)
    before = FlatArrays(layout, np.arange(1.0, 7.0, dtype=np.float32))
    found = without_rows(before, ROWS)
    assert isinstance(found, FlatArrays)
    assert found.block.tolist() == [0, 0, 3, 4, 0, 0]
    assert before.block.all()


@pytest.mark.parametrize("name", ["fedavgm", "fedadam", "fedyogi", "fedadagrad"])
def test_moments_of_zeroed_filters_start_again(name: str) -> None:
    strategy = ServerOptimiser(name, AggregationSettings())
    kinds = ("momentum",) if name == "fedavgm" else ("m", "v")
    strategy.restore({f"{kind}/{key}": array for kind in kinds for key, array in arrays().items()}, {})
    strategy.forget(ROWS)
    found, _ = strategy.state()
    for kind in kinds:
        assert found[f"{kind}/conv.weight"].tolist() == [[0, 0], [3, 4], [0, 0]]
        assert found[f"{kind}/bn.weight"].tolist() == [1, 1, 1]


def test_a_strategy_without_moments_has_nothing_to_forget() -> None:
    FedAvg().forget(ROWS)
