"""Whether the clients of a round agree: hand-computed updates, in every strategy, and in the tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flwr.app import Message

from fedreid import wire
from fedreid.scenario.schema import AggregationSettings
from server.drift import Drift
from server.strategies.centralised import Centralised
from server.strategies.fedavg import FedAvg
from server.strategies.server_optimisers import ServerOptimiser
from server.strategies.whole_cohort import WholeCohort
from tests.server.replies import answer, play, theta
from tests.server.toy import federation, toy_app

START = theta(3, 4)  # length 5


def reply(client: int, update: Sequence[float], images: float = 1) -> Message:
    length = float(np.linalg.norm(update))
    return answer(theta(*(np.array([3, 4]) + update)), client, images=images, update_norm=100 * length / 5)


STRATEGIES: dict[str, Callable[[], FedAvg]] = {
    "fedavg": FedAvg,
    "fedadam": lambda: ServerOptimiser("fedadam", AggregationSettings()),
    "fedmedian": lambda: WholeCohort("fedmedian", AggregationSettings()),
    "qfedavg": lambda: WholeCohort("qfedavg", AggregationSettings()),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_knows_how_much_of_the_updates_their_mean_keeps(name: str) -> None:
    """(1, 0), (0, 1) and (0, 1): their mean (1, 2) / 3 has length sqrt(5) / 3."""
    strategy = STRATEGIES[name]()
    play(strategy, START, [reply(0, (1, 0)), reply(1, (0, 1)), reply(2, (0, 1))])
    assert strategy.drift.agreement == pytest.approx(100 * 5**0.5 / 3, rel=1e-5)


@pytest.mark.parametrize(
    ("updates", "images", "expected"),
    [
        (((1, 0), (3, 0)), (1, 1), 100.0),  # the same way
        (((1, 0), (-1, 0)), (1, 1), 0.0),  # against each other
        (((4, 0), (-4, 0)), (3, 1), 50.0),  # mean (2, 0), of updates of length 4
        (((1, 0), (0, 2)), (2, 1), 100 * np.hypot(2, 2) / 4),  # mean (2, 2) / 3, mean length 4 / 3
    ],
)
def test_by_hand(updates: Sequence[Sequence[float]], images: Sequence[float], expected: float) -> None:
    strategy = FedAvg()
    play(strategy, START, [reply(i, update, n) for i, (update, n) in enumerate(zip(updates, images, strict=True))])
    assert strategy.drift.agreement == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_one_client_and_clients_that_do_not_move_have_no_agreement() -> None:
    for replies in ([reply(0, (1, 0))], [reply(0, (0, 0)), reply(1, (0, 0))]):
        strategy = FedAvg()
        play(strategy, START, replies)
        assert strategy.drift.agreement is None
    alone = Centralised()
    play(alone, START, [reply(0, (1, 0))])
    assert alone.drift.agreement is None


def test_a_round_forgets_the_one_before() -> None:
    drift = Drift()
    drift.open(START)
    for norm in (20.0, 20.0):
        drift.note({wire.UPDATE_NORM: norm}, 1)
    drift.close(theta(4, 4))
    assert drift.agreement == 100
    drift.open(START)
    assert drift.agreement is None
    drift.close(theta(4, 4))
    assert drift.agreement is None, "nobody answered"


def test_the_table_has_a_row_for_each_client_and_one_for_the_round(new_run: Callable[..., Path]) -> None:
    """Client i adds i + 1 to all weights: all the same way."""
    run_dir = new_run("federation.rounds=2")
    app = toy_app(moves=True)
    federation(run_dir, app).run()
    rows = pd.read_csv(run_dir / "metrics.csv").query("scope == 'train' and metric == 'agreement'")
    assert rows["round"].tolist() == [1, 2]
    assert rows["client"].isna().all()
    assert rows["value"].tolist() == pytest.approx([100, 100], rel=1e-4)
