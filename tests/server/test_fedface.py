"""FedFace: proxies travel to the server and back to their owners only, and end up further apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flwr.app import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid import wire
from fedreid.errors import RunError
from fedreid.scenario.method_schema import FedFaceSettings
from server.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from server.strategies.fedface import FedFace, spread_out
from tests.messages import sent
from tests.server.replies import NODES, answer, ask, play, theta

# A12 of the specification: four proxies of three clients.
A12_PROXIES = [[1, 0, 0], [1, 1, 0], [0, 1, 2], [3, 1, 0]]
OWNED = {0: A12_PROXIES[:2], 1: A12_PROXIES[2:3], 2: A12_PROXIES[3:]}  # rows by client
Rows = list[list[float]]


def strategy(**settings: float) -> FedFace:
    return FedFace(FedFaceSettings.model_validate(settings), nodes=NODES)


def reply(client: int, rows: Rows, value: float = 1.0, images: int = 1) -> Message:
    """A client's model and its proxies."""
    array = np.array(rows, np.float32)
    array.setflags(write=False)
    metrics = {wire.NUM_EXAMPLES: images, "loss": 1.0}
    return wire.reply(sent(theta(value), client), metrics, theta(value), private_proxies=array)


def replies() -> list[Message]:
    return [reply(client, rows) for client, rows in OWNED.items()]


def regulariser(rows: np.ndarray, threshold: float) -> tuple[float, np.ndarray]:
    """(1 / (M (M - 1))) sum over c != c' of [cos - nu]_+^2, and its gradient: d cos / d w = (u' - cos u) / |w|."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    units = rows / lengths
    cosines = units @ units.T
    excess = np.maximum(cosines - threshold, 0)
    np.fill_diagonal(excess, 0)
    pairs = len(rows) * (len(rows) - 1)
    pull = excess @ units - (excess * cosines).sum(1, keepdims=True) * units
    return (excess**2).sum() / pairs, 4 * pull / lengths / pairs


def descended(rows: np.ndarray, *, threshold: float, steps: int, rate: float) -> np.ndarray:
    """SGD with momentum 0.9 and weight decay 5e-4, in float64."""
    rows, momentum = rows.astype(np.float64), np.zeros(rows.shape)
    for _ in range(steps):
        momentum = 0.9 * momentum + regulariser(rows, threshold)[1] + 5e-4 * rows
        rows = rows - rate * momentum
    return rows


def stacked(found: dict[int, np.ndarray]) -> np.ndarray:
    return np.concatenate([found[client] for client in sorted(found)])


@pytest.mark.parametrize(("threshold", "expected"), [(0.4, 0.1066376973), (0.3, 0.1566888297)])
def test_the_regulariser_of_this_file_is_the_worked_example_a12(threshold: float, expected: float) -> None:
    assert regulariser(np.array(A12_PROXIES, np.float64), threshold)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_proxies_of_a12_take_the_steps_of_sgd(steps: int) -> None:
    server = strategy(steps=steps, learning_rate=0.5, threshold=0.4)
    play(server, theta(0), replies())
    expected = descended(np.array(A12_PROXIES), threshold=0.4, steps=steps, rate=0.5)
    np.testing.assert_allclose(stacked(server.proxies), expected, atol=1e-6)
    assert {client: rows.shape for client, rows in server.proxies.items()} == {0: (2, 3), 1: (1, 3), 2: (1, 3)}


def test_the_default_settings_spread_the_proxies_out() -> None:
    server = strategy()
    play(server, theta(0), replies())
    assert regulariser(stacked(server.proxies), 0.4)[0] < 0.9 * 0.1066376973


def test_the_backbone_is_averaged_as_in_fedavg() -> None:
    """(1 * 2 + 3 * 6) / 4 = 5, and no proxies in the model."""
    found = play(strategy(), theta(0), [reply(0, OWNED[0], 2, 1), reply(1, OWNED[1], 6, 3)])
    assert {name: array.tolist() for name, array in found.items()} == {"theta": [5]}


def test_everybody_gets_their_own_proxies_and_one_shared_model() -> None:
    server = strategy()
    server.nodes = {client: NODES[client] for client in range(4)}
    first = ask(server, theta(1))
    assert all(wire.PRIVATE_PROXIES not in message.content for message in first)
    server.nodes = NODES
    play(server, theta(1), replies())
    server.nodes = {client: NODES[client] for client in range(4)}
    messages = ask(server, theta(1), 2)
    for client, message in enumerate(messages[:3]):
        received = wire.private_proxies_of(message)
        assert received is not None
        assert received.tolist() == server.proxies[client].tolist()
    assert wire.PRIVATE_PROXIES not in messages[3].content  # it hasn't taken part yet
    assert len({id(message.content[wire.ARRAYS]) for message in messages}) == 1
    assert len({id(message.content) for message in messages}) == 4
    assert all(wire.config_of(message)[wire.SHARES_PRIVATE_PROXIES] for message in messages)
    assert all(wire.config_of(message)[wire.ROUND] == 2 for message in messages)


def test_those_who_sit_a_round_out_still_repel() -> None:
    server = strategy(steps=1, learning_rate=0.5)
    play(server, theta(0), replies())
    absent = server.proxies[2].copy()
    back = {client: server.proxies[client].tolist() for client in (0, 1)}
    play(server, theta(0), [reply(client, rows) for client, rows in back.items()], 2)
    rows = np.concatenate([back[0], back[1], absent])
    np.testing.assert_allclose(stacked(server.proxies), descended(rows, threshold=0.4, steps=1, rate=0.5), atol=1e-6)
    assert not np.array_equal(server.proxies[2], absent)


def test_the_order_of_the_replies_is_of_no_account() -> None:
    """Down to the last bit, which the order of sums decides."""
    rng = np.random.default_rng(0)
    rows = {client: rng.normal(size=(9, 16)).tolist() for client in range(5)}
    one, other = [strategy(threshold=0.0, learning_rate=50.0) for _ in range(2)]
    play(one, theta(0), [reply(client, rows[client]) for client in range(5)])
    play(other, theta(0), [reply(client, rows[client]) for client in reversed(range(5))])
    assert stacked(one.proxies).tobytes() == stacked(other.proxies).tobytes()


def test_a_resumed_run_is_bit_for_bit_the_one_that_never_stopped(tmp_path: Path) -> None:
    def rounds(server: FedFace, numbers: range) -> None:
        for number in numbers:
            moved = {client: rows + np.float32(number) for client, rows in server.proxies.items()} or OWNED
            play(server, theta(0), [reply(client, np.asarray(rows).tolist()) for client, rows in moved.items()], number)

    whole, stopped, resumed = strategy(), strategy(), strategy()
    rounds(whole, range(1, 5))
    rounds(stopped, range(1, 3))
    arrays, values = stopped.state()
    save_checkpoint(tmp_path, Checkpoint(2, theta(0), arrays, values), keep=1)
    saved = latest_checkpoint(tmp_path)
    assert saved is not None
    resumed.restore(saved.strategy_arrays, saved.strategy)
    rounds(resumed, range(3, 5))
    assert sorted(resumed.proxies) == [0, 1, 2]
    assert stacked(resumed.proxies).tobytes() == stacked(whole.proxies).tobytes()


def test_nobody_answered() -> None:
    server = strategy()
    play(server, theta(0), replies())
    before = stacked(server.proxies)
    assert server.aggregate_train(2, []) == (None, None)
    assert stacked(server.proxies).tolist() == before.tolist()


def test_a_single_proxy_has_nobody_to_repel() -> None:
    server = strategy()
    play(server, theta(0), [reply(0, [[1, 2]])])
    assert server.proxies[0].tolist() == [[1, 2]]


def test_a_reply_without_proxies_is_refused() -> None:
    with pytest.raises(
        RunError, match=r"client 1 sent no proxies: method.name = 'fedface' needs those of every client"
    ):
        play(strategy(), theta(0), [reply(0, OWNED[0]), answer(theta(1), 1)])


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [1.0, 2.0, 3.0]])
def test_proxies_of_another_dimension_are_refused(rows: Rows) -> None:
    with pytest.raises(RunError, match=r"\(identities, dim\) with one dim for all clients, got \{0: \(2, 3\), 1: \("):
        play(strategy(), theta(0), [reply(0, OWNED[0]), reply(1, rows)])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 1000))
def test_rows_go_back_to_their_owners_in_their_own_memory(counts: list[int], seed: int) -> None:
    """Far-apart proxies only shrink by weight decay: each row must come back as a multiple of itself."""
    rng = np.random.default_rng(seed)
    basis = np.eye(20, dtype=np.float32)[: sum(counts)] * rng.uniform(1, 2, (sum(counts), 1)).astype(np.float32)
    parts = dict(zip(range(len(counts)), np.split(basis, np.cumsum(counts)[:-1]), strict=True))
    found = spread_out(parts, FedFaceSettings())
    assert list(found) == list(parts)
    for client, rows in found.items():
        np.testing.assert_array_equal(rows != 0, parts[client] != 0)
        assert rows.base is None  # not a view of everybody's
        assert rows.dtype == np.float32
