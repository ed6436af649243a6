"""What every method owes the federation: only what was sent goes back, private state lasts, nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from flwr.app import Message

from clients.methods import METHODS
from clients.workspace import workspace
from fedreid import wire
from fedreid.scenario.method_schema import MethodSettings
from tests.clients.methods.rounds import IDENTITIES, IMAGES, Arrays, arrays_of, kept_by, start_of, state_file, train

NewRun = Callable[..., Path]
EVERY = pytest.mark.parametrize("method", sorted(METHODS))

KEPT = {
    "fedavg": {"proxies"},
    "fedprox": {"proxies"},
    "fedpav": {"proxies"},
    "fedface": {"proxies"},
    "centralised": {"proxies", "public_proxies"},
    "fedper": {"proxies", "embedding.weight"},
    "fedrep": {"proxies", "embedding.weight"},
    "fedbn": {"proxies", "bn1.running_mean", "embedding_bn.weight"},
    "moon": {"proxies", "previous.conv1.weight", "previous.bn1.running_var"},
    "fedfr": {
        "proxies", "previous.conv1.weight", "branch.transformation.weight", "branch.classifiers", "branch.biases",
    },
    "ditto": {"proxies", "personal_proxies", "personal.conv1.weight", "personal.bn1.running_mean"},
    "local_only": {"proxies", "personal.conv1.weight", "personal.bn1.running_mean"},
}  # fmt: skip


def new_of(new_run: NewRun, method: str, name: str = "run") -> Path:
    """A run whose methods have something to do in their second round too."""
    weights = 'method.fedpav.weights="cosine_distance"'
    return new_run(f"method.name={method}", weights, "method.hard_negatives.threshold=0.2", name=name)


def twice(run_dir: Path, *, client: int = 0, between: Callable[[], object] = lambda: None) -> list[Message]:
    """Two rounds of one client; the second one with weights that are a bit larger."""
    start = start_of(run_dir)
    first = train(run_dir, start, client)
    between()
    return [first, train(run_dir, {name: 1.01 * array for name, array in start.items()}, client, 2)]


def assert_equal(one: Arrays, other: Arrays) -> None:
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def assert_same_state(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert_equal(
        {name: rows.numpy() for name, rows in one.items()}, {name: rows.numpy() for name, rows in other.items()}
    )


def test_every_name_of_a_method_in_a_scenario_has_its_function() -> None:
    names = MethodSettings.model_fields["name"].annotation
    assert set(METHODS) == set(names.__args__)  # type: ignore[union-attr]


@EVERY
def test_arrays_and_scalars_that_leave_are_those_that_may(method: str, new_run: NewRun) -> None:
    """K_i = 3 here, K_g = 4: a tensor with 3 rows would be of private people (no convolution has 3 filters)."""
    run_dir = new_of(new_run, method)
    start = start_of(run_dir)
    answer = train(run_dir, start)
    sent = arrays_of(answer)
    assert {name: (array.shape, array.dtype) for name, array in sent.items()} == {
        name: (array.shape, np.dtype(np.float32)) for name, array in start.items()
    }
    assert not any(array.shape[0] == IDENTITIES for array in sent.values())
    assert (wire.PUBLIC_PROXIES in sent) is (method == "fedfr")
    changed = any((sent[name] != start[name]).any() for name in start)
    assert changed is (method != "local_only")
    metrics = wire.metrics_of(answer)
    assert metrics[wire.NUM_EXAMPLES] == IMAGES
    assert (wire.WEIGHT in metrics) is (method == "fedpav")
    records = {wire.ARRAYS, wire.METRICS} | ({wire.PRIVATE_PROXIES} if method == "fedface" else set())
    assert set(answer.content) == records


@EVERY
def test_what_a_client_keeps(method: str, new_run: NewRun) -> None:
    run_dir = new_of(new_run, method)
    train(run_dir, start_of(run_dir))
    kept = kept_by(run_dir, 0, 1)
    assert KEPT[method] <= kept.keys()
    prefixes = {name.split(".")[0] for name in KEPT[method]}
    assert all(name.split(".")[0] in prefixes or method in ("fedbn", "fedper", "fedrep") for name in kept)
    assert all(rows.isfinite().all() for rows in kept.values())


@EVERY
def test_private_state_lasts_and_nothing_else_does(method: str, new_run: NewRun) -> None:
    """A new process, and another client's round in between, change no bit: no momentum, gradient or model is left."""
    quiet, shaken = new_of(new_run, method, "quiet"), new_of(new_run, method, "shaken")
    expected = twice(quiet)
    expected_state = kept_by(quiet, 0, 2)

    def shake() -> None:
        train(shaken, start_of(shaken), client=1)
        workspace.cache_clear()

    found = twice(shaken, between=shake)
    for one, other in zip(found, expected, strict=True):
        assert_equal(arrays_of(one), arrays_of(other))
    assert_same_state(kept_by(shaken, 0, 2), expected_state)


@EVERY
def test_the_second_round_depends_on_the_private_state(method: str, new_run: NewRun) -> None:
    """Guards the test above, which a method without memory would pass."""
    kept, lost = new_of(new_run, method, "kept"), new_of(new_run, method, "lost")
    expected = twice(kept)[1]
    expected_state = kept_by(kept, 0, 2)
    found = twice(lost, between=lambda: state_file(lost, 0, 1).unlink())[1]
    state = kept_by(lost, 0, 2)
    assert any(not torch.equal(state[name], expected_state[name]) for name in state)
    if method != "local_only":
        assert any((arrays_of(found)[name] != arrays_of(expected)[name]).any() for name in arrays_of(found))


@EVERY
def test_a_skipped_round_leaves_the_state_untouched(method: str, new_run: NewRun) -> None:
    """Client 0 takes part in rounds 1 and 3: it goes on from round 1 as it would have in round 2's place."""
    run_dir = new_of(new_run, method)
    start = start_of(run_dir)
    train(run_dir, start)
    before = state_file(run_dir, 0, 1).read_bytes()
    train(run_dir, start, client=1, server_round=2)
    assert state_file(run_dir, 0, 1).read_bytes() == before
    assert not state_file(run_dir, 0, 2).exists()
    third = arrays_of(train(run_dir, start, server_round=3))
    state = kept_by(run_dir, 0, 3)
    straight = new_of(new_run, method, "straight")
    train(straight, start)
    assert_equal(arrays_of(train(straight, start, server_round=3)), third)
    assert_same_state(kept_by(straight, 0, 3), state)


@EVERY
def test_a_round_done_again_gives_the_same_bits(method: str, new_run: NewRun) -> None:
    """After a kill, say; the state that the first attempt left is of the same round, and is not read."""
    run_dir = new_of(new_run, method)
    first, second = twice(run_dir)
    state = kept_by(run_dir, 0, 2)
    again = twice(run_dir)
    assert_equal(arrays_of(again[0]), arrays_of(first))
    assert_equal(arrays_of(again[1]), arrays_of(second))
    assert_same_state(kept_by(run_dir, 0, 2), state)


@EVERY
def test_networks_can_run_in_bfloat16(method: str, new_run: NewRun) -> None:
    """Every network of a method, the frozen ones too; what is sent and kept stays in float32."""
    run_dir = new_of(new_run, method)
    exact = [arrays_of(answer) for answer in twice(run_dir)]
    workspace.cache_clear()
    workspace(str(run_dir)).bf16 = True
    found = [arrays_of(answer) for answer in twice(run_dir)]
    for one, other in zip(found, exact, strict=True):
        assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in one.values())
        if method != "local_only":
            assert any((one[name] != other[name]).any() for name in one)
    kept = kept_by(run_dir, 0, 2)
    assert {rows.dtype for rows in kept.values()} == {torch.float32}


@EVERY
def test_received_arrays_are_only_read(method: str, new_run: NewRun) -> None:
    """They may lie in memory that all workers share."""
    run_dir = new_of(new_run, method)
    start = start_of(run_dir)
    before = {name: array.copy() for name, array in start.items()}
    for array in start.values():
        array.setflags(write=False)
    answer = train(run_dir, start)
    assert_equal(start, before)
    assert not any(np.may_share_memory(array, start[name]) for name, array in arrays_of(answer).items())
