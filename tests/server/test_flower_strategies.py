"""What holds for all of Flower's strategies: exact resumes, statistics, types, memory, and who needs how many."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flwr.app import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as random_arrays

from fedreid import wire
from fedreid.errors import RunError
from fedreid.models.flat import FlatArrays, flattened
from fedreid.models.sharing import copy_arrays
from fedreid.scenario.schema import AggregationSettings
from server.checkpoints import Checkpoint, latest_checkpoint, save_checkpoint
from server.strategies import whole_cohort
from server.strategies.fedavg import FedAvg
from server.strategies.flower_records import reply_with
from server.strategies.server_optimisers import NAMES as OPTIMISERS
from server.strategies.server_optimisers import ServerOptimiser
from server.strategies.whole_cohort import NAMES as WHOLE_COHORT
from server.strategies.whole_cohort import SELECTING, WholeCohort
from tests.messages import sent
from tests.server.replies import answer, answers, ask, play, strategy, theta, value

ALL = (*OPTIMISERS, *WHOLE_COHORT)
VARIANCE = "bn.running_var"


def a_model(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Two arrays of one shape, so that swapping them would go unnoticed, a scalar, and BatchNorm's statistics."""
    shapes = {"b.weight": (2, 3), "a.weight": (2, 3), "scale": (), "bn.running_mean": (3,), VARIANCE: (3,)}
    model = {name: np.asarray(rng.normal(size=shape), np.float32) for name, shape in shapes.items()}
    return model | {VARIANCE: np.abs(model[VARIANCE]), wire.PUBLIC_PROXIES: rng.normal(size=(4, 2)).astype(np.float32)}


def a_round(rng: np.random.Generator, model: dict[str, np.ndarray]) -> list[Message]:
    """Seven clients that each moved a little."""
    changes = [a_model(rng) for _ in range(7)]
    moved = [{name: np.asarray(array + 0.1 * change[name]) for name, array in model.items()} for change in changes]
    return [answer(one, i, images=5 + i, loss=0.5 + i) for i, one in enumerate(moved)]


def rounds(server: FedAvg, model: dict[str, np.ndarray], numbers: range) -> dict[str, np.ndarray]:
    for number in numbers:
        model = play(server, model, a_round(np.random.default_rng(number), model), number)
    return model


def as_bytes(model: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: model[name].tobytes() for name in sorted(model)}


@pytest.mark.parametrize("name", ALL)
def test_a_resumed_run_is_bit_for_bit_the_one_that_never_stopped(name: str, tmp_path: Path) -> None:
    start = a_model(np.random.default_rng(99))
    whole = rounds(strategy(name, malicious=1), start, range(1, 5))
    stopped = strategy(name, malicious=1)
    model = rounds(stopped, start, range(1, 3))
    own_arrays, own_values = stopped.state()
    save_checkpoint(tmp_path, Checkpoint(2, model, own_arrays, json.loads(json.dumps(own_values))), keep=1)
    saved = latest_checkpoint(tmp_path)
    assert saved is not None
    resumed = strategy(name, malicious=1)
    resumed.restore(saved.strategy_arrays, saved.strategy)
    assert as_bytes(rounds(resumed, dict(saved.arrays), range(3, 5))) == as_bytes(whole)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_without_its_moments_a_server_optimiser_would_go_elsewhere(name: str) -> None:
    start = a_model(np.random.default_rng(99))
    whole = rounds(strategy(name), start, range(1, 3))
    forgetful = rounds(strategy(name), rounds(strategy(name), start, range(1, 2)), range(2, 3))
    assert as_bytes(forgetful) != as_bytes(whole)


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_names_is_of_no_account(name: str) -> None:
    """A checkpoint's file has its own order; Flower pairs some arrays by position."""
    start = a_model(np.random.default_rng(0))
    one, other = strategy(name), strategy(name)
    first = play(one, start, a_round(np.random.default_rng(1), start))
    turned = {name: start[name] for name in reversed(start)}
    assert as_bytes(play(other, turned, a_round(np.random.default_rng(1), start))) == as_bytes(first)
    second = play(one, first, a_round(np.random.default_rng(2), first), 2)
    turned = {name: first[name] for name in sorted(first)}
    assert as_bytes(play(other, turned, a_round(np.random.default_rng(2), first), 2)) == as_bytes(second)


@pytest.mark.parametrize("name", ALL)
def test_types_names_and_shapes_are_those_of_the_model_and_replies_stay_as_they_are(name: str) -> None:
    """The replies' arrays are read-only: writing into one would raise."""
    start = a_model(np.random.default_rng(0))
    replies = a_round(np.random.default_rng(1), start)
    before = [as_bytes(dict(wire.arrays_of(reply))) for reply in replies]
    found = play(strategy(name), start, replies)
    assert {n: (a.dtype, a.shape) for n, a in found.items()} == {n: (a.dtype, a.shape) for n, a in start.items()}
    assert [as_bytes(dict(wire.arrays_of(reply))) for reply in replies] == before


@pytest.mark.parametrize("name", ALL)
def test_the_public_proxies_go_the_way_of_the_backbone(name: str) -> None:
    start = {wire.PUBLIC_PROXIES: np.float32([1, 2]), "theta": np.float32([1, 2])}
    moved = [{key: array + np.float32(i) for key, array in start.items()} for i in range(1, 8)]
    found = play(strategy(name, malicious=1), start, [answer(model, i) for i, model in enumerate(moved)])
    assert found[wire.PUBLIC_PROXIES].tolist() == found["theta"].tolist() != [1, 2]


@pytest.mark.parametrize("name", [*OPTIMISERS, "qfedavg"])
def test_steps_leave_batchnorms_statistics_at_the_plain_mean(name: str) -> None:
    """(1 * 2 + 3 * 6) / 4 = 5, whatever the step: FedAvgM's would be 10 + 1.5 * (5 - 10) = 2.5."""
    start = theta(1) | {VARIANCE: np.float32([10]), "bn.running_mean": np.float32([10])}
    moved = [theta(2) | {key: np.float32([x]) for key in (VARIANCE, "bn.running_mean")} for x in (2, 6)]
    server = strategy(name, learning_rate=1.5, momentum=0.5, q=1.0)
    replies = [answer(model, i, images=1 + 2 * i) for i, model in enumerate(moved)]
    found = play(server, start, replies)
    assert found[VARIANCE].tolist() == found["bn.running_mean"].tolist() == [5]
    assert not any("running" in key for key in server.state()[0])
    alone = play(strategy(name, learning_rate=1.5, momentum=0.5, q=1.0), theta(1), answers([2, 2], [1, 3]))
    assert found["theta"] == alone["theta"]  # and statistics don't count in q-FedAvg's norm


def test_robust_strategies_keep_attackers_out_of_the_statistics_too() -> None:
    start = theta(0) | {VARIANCE: np.float32([1])}
    honest = [theta(x) | {VARIANCE: np.float32([1 + x])} for x in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)]
    attack = theta(0.35) | {VARIANCE: np.float32([1e6])}
    for name in ("fedmedian", "fedtrimmedavg", *SELECTING):
        replies = [answer(model, i) for i, model in enumerate([*honest, attack])]
        found = play(strategy(name, malicious=1), start, replies)
        assert 1.1 <= found[VARIANCE].item() <= 1.6, name


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ALL),
    random_arrays(np.float32, (8, 3), elements=st.floats(0, 2.0**20, width=32)),
)
def test_a_variance_is_never_negative(name: str, variances: np.ndarray) -> None:
    start, *moved = [theta(1) | {VARIANCE: row.copy()} for row in variances]
    found = play(strategy(name, malicious=1), start, [answer(model, i) for i, model in enumerate(moved)])
    assert (found[VARIANCE] >= 0).all()


def test_rounding_makes_no_variance_negative() -> None:
    """Six changes of -1000 have a mean of -1000.00006 in float32."""
    start = theta(1) | {VARIANCE: np.float32([1000])}
    moved = [theta(1) | {VARIANCE: np.float32([0])} for _ in range(6)]
    replies = [answer(model, i) for i, model in enumerate(moved)]
    assert play(strategy("multikrum"), start, replies)[VARIANCE] == 0


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["fedmedian", "fedtrimmedavg", *SELECTING]),
    st.lists(st.floats(-1, 1, width=16), min_size=6, max_size=12),
    st.floats(1e3, 1e20) | st.floats(-1e20, -1e3),
)
def test_one_attacker_can_not_lead_anyone_astray(name: str, honest: list[float], attack: float) -> None:
    found = value(play(strategy(name, malicious=1), theta(0), answers([*honest, attack])))
    assert min(honest) - 1e-6 <= found <= max(honest) + 1e-6


@pytest.mark.parametrize("name", ALL)
def test_a_model_in_one_block_stays_in_one_block(name: str) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4))
    network.to(memory_format=torch.channels_last)
    tensors = {key: tensor for key, tensor in network.state_dict(keep_vars=True).items() if tensor.is_floating_point()}
    start = copy_arrays(flattened(tensors))
    assert isinstance(start, FlatArrays)
    server, plain = strategy(name, momentum=0.0), strategy(name, momentum=0.0)
    moved = [FlatArrays(start.layout, start.block * np.float32(1 + i / 8)) for i in range(5)]
    replies = [wire.reply(sent(model), {wire.NUM_EXAMPLES: 1, "loss": 1.0}, model) for model in moved]
    ask(server, start)
    record, _ = server.aggregate_train(1, replies)
    assert record is not None
    found = wire.to_arrays(record)
    assert isinstance(found, FlatArrays)
    assert found.layout == start.layout
    one_by_one = [answer({key: array.copy() for key, array in model.items()}, i) for i, model in enumerate(moved)]
    assert as_bytes(play(plain, dict(start), one_by_one)) == as_bytes(dict(found))


@pytest.mark.parametrize("name", ALL)
def test_the_loss_is_the_mean_over_all_clients_by_their_weights(name: str) -> None:
    """Which a client may choose: (2 * 1 + 4 * 3 + (1 + 0.5 + 0.5) * 6) / 8 = 3.25."""
    server = strategy(name)
    ask(server, theta(0))
    pairs = [(1, 2.0), (3, 4.0), (6, 1.0), (6, 0.5), (6, 0.5)]
    replies = [answer(theta(i), i, images=9, loss=x, **{wire.WEIGHT: weight}) for i, (x, weight) in enumerate(pairs)]
    _, means = server.aggregate_train(1, replies)
    assert means is not None
    assert means["loss"] == 3.25


@pytest.mark.parametrize("name", ALL)
def test_nobody_answered(name: str) -> None:
    assert strategy(name).aggregate_train(1, []) == (None, None)


@pytest.mark.parametrize("name", ALL)
def test_models_are_let_go_without_waiting_for_the_garbage_collector(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both the clients' arrays and the copies that Flower got."""
    references: list[weakref.ref[np.ndarray]] = []

    def noted(arrays: Mapping[str, np.ndarray], *rest: Any) -> Message:
        references.extend(weakref.ref(array) for array in arrays.values())
        return reply_with(arrays, *rest)

    def replies() -> Iterator[Message]:
        for client in range(5):
            model = theta(client)
            references.append(weakref.ref(model["theta"]))
            yield answer(model, client)
            del model

    monkeypatch.setattr(whole_cohort, "reply_with", noted)
    gc.disable()
    try:
        play(strategy(name), theta(0), replies())
        alive = [reference() for reference in references if reference() is not None]
    finally:
        gc.enable()
    assert len(references) == (5 if name in OPTIMISERS else 10)
    assert alive == []


@pytest.mark.parametrize("name", ALL)
def test_arrays_that_nobody_sent_are_refused(name: str) -> None:
    replies = [answer(theta(1), 0), answer(theta(1) | {"w": np.zeros(2, np.float32)}, 1)]
    with pytest.raises(ValueError, match="arrays differ from"):
        play(strategy(name), theta(0), replies)


@pytest.mark.parametrize(
    ("name", "settings", "clients", "message"),
    [
        ("krum", {"malicious": 1}, 4, "aggregation.malicious = 1 needs at least 5 clients in a round for krum, but 4"),
        ("bulyan", {"malicious": 1}, 6, "aggregation.malicious = 1 needs at least 7 clients in a round for bulyan"),
        ("multikrum", {"selected": 4}, 3, "aggregation.selected = 4 of 3 clients is too many: use at most 3, or 0"),
        ("fedmedian", {}, 2, "federation.strategy = 'fedmedian' needs at least 3 clients in a round, but 2 take part"),
        ("fedtrimmedavg", {"trim": 0.2}, 4, "aggregation.trim = 0.2 of 4 clients cuts off nobody: use at least 0.25"),
    ],
)
def test_too_few_answers_stop_the_run(name: str, settings: dict[str, float], clients: int, message: str) -> None:
    with pytest.raises(RunError, match=f"round 6, which {clients} clients answered, can't be aggregated: {message}"):
        play(strategy(name, **settings), theta(0), answers(list(range(clients))), 6)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="'sgd' is not a server optimiser; they are: fedavgm, fedadam"):
        ServerOptimiser("sgd", AggregationSettings())
    with pytest.raises(ValueError, match="'mean' is not a strategy of whole cohorts; they are: qfedavg"):
        WholeCohort("mean", AggregationSettings())
