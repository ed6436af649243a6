"""FedAvg through messages: who takes part, the hand-computed mean, and one reply in memory at a time."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from flwr.app import ConfigRecord, Message
from hypothesis import given
from hypothesis import strategies as st

from fedreid import wire
from fedreid.simulation.grid import FIRST_CLIENT_NODE
from fedreid.simulation.serial import SerialGrid
from server.strategies.fedavg import FedAvg, sample_clients
from tests.messages import sent
from tests.server.toy import toy_app

NODES = {client: client + FIRST_CLIENT_NODE for client in range(3)}


@given(st.integers(0, 2**32 - 1), st.integers(1, 1000), st.integers(1, 200), st.floats(0.001, 1))
def test_a_sample_is_a_sorted_set_of_clients_of_the_exact_size(
    seed: int, server_round: int, count: int, fraction: float
) -> None:
    chosen = sample_clients(seed, server_round, count, fraction)
    assert chosen == sorted(set(chosen)) == sample_clients(seed, server_round, count, fraction)
    assert set(chosen) <= set(range(count))
    assert len(chosen) == max(1, round(count * fraction))


def test_fraction_1_is_everybody_in_every_round() -> None:
    assert [sample_clients(0, number, 4, 1.0) for number in (1, 2)] == [[0, 1, 2, 3]] * 2


def test_a_sample_differs_by_round_and_by_seed_and_reaches_everybody() -> None:
    by_round = [tuple(sample_clients(0, number, 50, 0.2)) for number in range(1, 40)]
    assert len(set(by_round)) == len(by_round)
    assert set().union(*by_round) == set(range(50))
    assert sample_clients(1, 1, 50, 0.2) != list(by_round[0])


def test_a_sample_is_the_same_on_every_machine() -> None:
    """What numpy documents to be reproducible; round 2 must not continue round 1's stream."""
    expected = sorted(np.random.default_rng([7, 2]).choice(10, size=3, replace=False).tolist())
    assert sample_clients(7, 2, 10, 0.3) == expected


def test_messages_go_to_the_sampled_clients_nodes_and_share_one_record() -> None:
    strategy = FedAvg(fraction=0.67, seed=3, nodes={client: 100 + client for client in range(3)})
    arrays = wire.to_record({"theta": np.ones(2)})
    grid = SerialGrid(toy_app(), 3)
    messages = list(strategy.configure_train(5, arrays, ConfigRecord({wire.RUN_DIR: "x"}), grid))
    assert [m.metadata.dst_node_id - 100 for m in messages] == sample_clients(3, 5, 3, 0.67)
    assert len(messages) == 2
    assert all(m.metadata.message_type == "train" and m.content is messages[0].content for m in messages)
    assert wire.config_of(messages[0]) == {wire.RUN_DIR: "x", wire.ROUND: 5}
    assert np.shares_memory(wire.arrays_of(messages[0])["theta"], arrays["theta"].numpy())


def test_everybody_is_asked_to_evaluate() -> None:
    strategy = FedAvg(fraction=0.1, nodes=NODES)
    arrays = wire.to_record({"theta": np.ones(2)})
    messages = list(strategy.configure_evaluate(1, arrays, ConfigRecord({}), SerialGrid(toy_app(), 3)))
    assert [m.metadata.dst_node_id for m in messages] == list(NODES.values())
    assert {m.metadata.message_type for m in messages} == {"evaluate"}


def answer(theta: list[float], images: int, loss: float, client: int = 0) -> Message:
    array = np.array(theta, np.float32)
    question = sent({"theta": array}, client)
    return wire.reply(question, {wire.NUM_EXAMPLES: images, "loss": loss}, {"theta": array})


def test_the_mean_is_weighted_by_local_images() -> None:
    """(100 * [1, 2] + 300 * [2, 6]) / 400 = [1.75, 5]; loss (100 * 0.5 + 300 * 1.5) / 400 = 1.25."""
    arrays, means = FedAvg().aggregate_train(1, [answer([1, 2], 100, 0.5), answer([2, 6], 300, 1.5)])
    assert arrays is not None
    assert means is not None
    assert wire.to_arrays(arrays)["theta"].tolist() == [1.75, 5]
    assert wire.to_arrays(arrays)["theta"].dtype == np.float32
    assert means["loss"] == 1.25


def test_through_the_grid_each_clients_reply_counts_with_its_own_weight() -> None:
    """Client i adds i + 1 and has i + 1 images: 10 + (1 * 1 + 2 * 2 + 3 * 3) / 6 = 12 1/3; loss (0 + 2 + 6) / 6."""
    strategy, grid = FedAvg(nodes=NODES), SerialGrid(toy_app(), 3)
    config = ConfigRecord({wire.EVALUATE: False})
    messages = strategy.configure_train(1, wire.to_record({"theta": np.array([10.0])}), config, grid)
    arrays, means = strategy.aggregate_train(1, grid.send_and_receive(messages))
    assert arrays is not None
    assert means is not None
    assert wire.to_arrays(arrays)["theta"][0] == pytest.approx(10 + 14 / 6)
    assert means["loss"] == pytest.approx(8 / 6)


def test_personalized_scores_are_averaged_over_clients_without_weights() -> None:
    strategy, grid = FedAvg(nodes=NODES), SerialGrid(toy_app(), 3)
    messages = strategy.configure_evaluate(1, wire.to_record({"theta": np.ones(1)}), ConfigRecord({}), grid)
    means = strategy.aggregate_evaluate(1, grid.send_and_receive(messages))
    assert means is not None
    assert means["mAP"] == pytest.approx((50 + 51 + 52) / 3)


def test_nobody_answered() -> None:
    assert FedAvg().aggregate_train(1, []) == (None, None)
    assert FedAvg().aggregate_evaluate(1, []) is None


def test_replies_are_taken_one_by_one_and_dropped() -> None:
    """When the next reply is asked for, only the one just taken may still be there."""
    alive: list[int] = []

    def replies() -> Iterator[Message]:
        given: list[weakref.ref[np.ndarray]] = []
        for number in range(20):
            array = np.full(4, number, np.float32)
            given.append(weakref.ref(array))
            one = wire.reply(sent({"theta": array}), {wire.NUM_EXAMPLES: 1, "loss": 0.0}, {"theta": array})
            del array
            yield one
            del one
            alive.append(sum(reference() is not None for reference in given))

    FedAvg().aggregate_train(1, replies())
    assert alive == [1] * 20
