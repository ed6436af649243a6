"""Flower's strategies behind our sampling and checkpoints: numbers by hand, exact resumes, and who needs how many."""

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
from tests.server.replies import NODES, answer, answers, ask, play, theta

ALL = (*OPTIMISERS, *WHOLE_COHORT)
VARIANCE = "bn.running_var"


def strategy(name: str, **settings: float) -> FedAvg:
    chosen = AggregationSettings.model_validate(settings)
    if name in OPTIMISERS:
        return ServerOptimiser(name, chosen, nodes=NODES)
    return WholeCohort(name, chosen, client_learning_rate=0.1, nodes=NODES)


def value(model: dict[str, np.ndarray]) -> float:
    return model["theta"].item()


# Server optimisers ----------------------------------------------------------------------------------------------


def test_fedavgm_by_hand() -> None:
    """Round 1: mean (12 + 3 * 16) / 4 = 15, gradient 10 - 15 = -5, momentum -5, 10 + 5/2 = 12.5.
    Round 2: mean 14.25, gradient -1.75, momentum 0.9 * -5 - 1.75 = -6.25, 12.5 + 6.25 / 2 = 15.625."""
    server = strategy("fedavgm", learning_rate=0.5, momentum=0.9)
    first = play(server, theta(10), answers([12, 16], [1, 3]), 1)
    assert value(first) == 12.5
    second = play(server, first, answers([13.5, 14.5], [1, 3]), 2)
    assert value(second) == 15.625


def test_fedavgm_with_rate_1_and_without_momentum_is_fedavg_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    models = [{"a": rng.normal(size=(3, 4)).astype(np.float32)} for _ in range(5)]
    start = {"a": rng.normal(size=(3, 4)).astype(np.float32)}
    replies = [answer(model, client, images=7 * client + 1) for client, model in enumerate(models)]
    plain = play(FedAvg(), start, replies)
    found = play(strategy("fedavgm", momentum=0.0), start, replies)  # learning rate 0: the default, 1
    assert found["a"].tobytes() == plain["a"].tobytes()


def test_fedadam_by_hand() -> None:
    """Change 5: m = 0.1 * 5, v = 0.01 * 25; Flower corrects the bias with round + 1:
    rate 0.1 * sqrt(1 - 0.99^2) / (1 - 0.9^2) = 0.0742460; step 0.0742460 * 0.5 / (0.5 + 0.001) = 0.0740978."""
    server = strategy("fedadam", learning_rate=0.1, beta_1=0.9, beta_2=0.99, adaptivity=1e-3)
    assert value(play(server, theta(10), answers([15]))) == pytest.approx(10.0740978, abs=1e-6)


def adaptive(name: str, changes: list[float], rate: float, beta_1: float, beta_2: float, tau: float) -> list[float]:
    """Reddi et al.'s algorithm 2 for one number, in float64: the steps it takes. Flower's moments start at zero."""
    m = v = 0.0
    steps = []
    for number, change in enumerate(changes, start=1):
        if name == "fedadagrad":
            m, v = change, v + change**2
        else:
            m = beta_1 * m + (1 - beta_1) * change
            sign = 1 if v > change**2 else -1
            yogi = v - (1 - beta_2) * change**2 * sign
            v = yogi if name == "fedyogi" else beta_2 * v + (1 - beta_2) * change**2
        bias = (1 - beta_2 ** (number + 1)) ** 0.5 / (1 - beta_1 ** (number + 1)) if name == "fedadam" else 1
        steps.append(rate * bias * m / (v**0.5 + tau))
    return steps


@pytest.mark.parametrize("name", ["fedadam", "fedyogi", "fedadagrad"])
def test_adaptive_optimisers_over_three_rounds(name: str) -> None:
    changes, rates = [5.0, 0.02, -1.5], (0.3, 0.8, 0.95, 0.01)
    expected = adaptive(name, changes, *rates)
    server = strategy(name, **dict(zip(("learning_rate", "beta_1", "beta_2", "adaptivity"), rates, strict=True)))
    model = theta(0.25)
    for number, (change, step) in enumerate(zip(changes, expected, strict=True), start=1):
        before = value(model)
        model = play(server, model, answers([before + change - 0.5, before + change + 0.5]), number)
        assert value(model) - before == pytest.approx(step, rel=2e-5)


@pytest.mark.parametrize(
    ("name", "rate"), [("fedavgm", 1.0), ("fedadam", 1e-3), ("fedyogi", 1e-3), ("fedadagrad", 1e-3)]
)
def test_a_learning_rate_of_0_is_the_strategys_default(name: str, rate: float) -> None:
    found = [
        play(strategy(name, learning_rate=given), theta(1, 2), [answer(theta(3, 5))])["theta"] for given in (0, rate)
    ]
    assert found[0].tolist() == found[1].tolist() != [1, 2]


# Strategies of whole cohorts ------------------------------------------------------------------------------------


def test_the_median_ignores_weights_and_an_attacker() -> None:
    assert value(play(strategy("fedmedian"), theta(0), answers([5, 1, 1000], [1, 1, 99]))) == 5
    assert value(play(strategy("fedmedian"), theta(0), answers([5, 1, 1000, 6]))) == 5.5


def test_the_trimmed_mean_drops_a_share_at_both_ends_of_each_coordinate() -> None:
    """A fifth of five clients is one at each end: (1 + 2 + 3) / 3 and (0 + 1 + 2) / 3."""
    models = [theta(0, 2), theta(1, 1), theta(2, -100), theta(3, 0), theta(100, 100)]
    replies = [answer(model, client) for client, model in enumerate(models)]
    assert play(strategy("fedtrimmedavg", trim=0.2), theta(0, 0), replies)["theta"].tolist() == [2, 1]


def test_krum_takes_the_client_with_the_nearest_neighbours() -> None:
    """Two nearest of five, one of them an attacker; sums of squares: 0.0325, 0.0425, 0.0725, 0.025, far."""
    found = play(strategy("krum", malicious=1), theta(7), answers([8, 8.2, 7.9, 8.15, 57]))
    assert value(found) == np.float32(8.15)


def test_multikrum_averages_the_best_by_their_images() -> None:
    """Of the scores above, the best two are 8.15 (3 images) and 8 (1 image); by default all but the attackers."""
    replies = answers([8, 8.2, 7.9, 8.15, 57], [1, 1, 1, 3, 9])
    two = play(strategy("multikrum", malicious=1, selected=2), theta(7), replies)
    assert value(two) == pytest.approx((8 + 3 * 8.15) / 4, rel=1e-6)
    rest = play(strategy("multikrum", malicious=1), theta(7), replies)
    assert value(rest) == pytest.approx((8 + 8.2 + 7.9 + 3 * 8.15) / 6, rel=1e-6)


def test_krum_tells_clients_apart_whose_models_are_close() -> None:
    """|x|^2 + |y|^2 - 2xy of the models themselves is rounding: they are 1000 long and 0.001 apart."""
    rng = np.random.default_rng(3)
    start = rng.normal(size=1000).astype(np.float32) * 32
    models = [(start + 1e-3 * rng.normal(size=1000)).astype(np.float32) for _ in range(7)]
    exact = np.array(models, np.float64)
    squares = ((exact[:, None] - exact[None]) ** 2).sum(2)
    scores = np.sort(squares, axis=1)[:, 1 : 7 - 1 - 2 + 1].sum(1)
    replies = [answer({"theta": model}, client) for client, model in enumerate(models)]
    found = play(strategy("krum", malicious=1), {"theta": start}, replies)
    assert found["theta"].tolist() == models[int(scores.argmin())].tolist()


def test_bulyan_by_hand() -> None:
    """Seven clients, one attacker. Sums of the four smallest squares: 30, 15, 10, 12.25, 16.25, 41, far. Five stay:
    1 to 5; their median is 3, and the three nearest to it are 2, 3, 4."""
    assert value(play(strategy("bulyan", malicious=1), theta(0), answers([1, 2, 3, 4, 5, 6.5, 100]))) == 3


def test_qfedavg_by_hand() -> None:
    """q = 1, L = 1/0.1: sum of F L (w - w_i) = 1 * 10 * -1 + 3 * 10 * -3 = -100; sum of q |L (w - w_i)|^2 + L F
    = 100 + 10 + 900 + 30 = 1040; w = 1 + 100/1040."""
    replies = [answer(theta(2), 0, images=50, loss=1.0), answer(theta(4), 1, images=1, loss=3.0)]
    assert value(play(strategy("qfedavg", q=1.0), theta(1), replies)) == pytest.approx(1 + 100 / 1040, rel=1e-6)


def test_qfedavg_with_q_0_is_the_unweighted_mean() -> None:
    replies = [answer(theta(2), 0, images=50, loss=1.0), answer(theta(4), 1, images=1, loss=3.0)]
    assert value(play(strategy("qfedavg", q=0.0), theta(1), replies)) == pytest.approx(3, rel=1e-6)


@pytest.mark.parametrize("name", SELECTING)
def test_the_log_says_whom_it_chose(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="server")
    chosen = {"krum": "3", "multikrum": "1, 2, 3, 4, 5, 6", "bulyan": "1, 2, 3, 4, 5"}[name]
    replies = [answer(theta(x), 1 + i) for i, x in enumerate([1, 2, 3, 4, 5, 6.5, 100])]
    play(strategy(name, malicious=1), theta(0), replies, 4)
    assert f"round 4: {name} chose clients {chosen}" in caplog.text


# What holds for all of them -------------------------------------------------------------------------------------


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
    turned = {name: start[name] for name in reversed(start)}
    one = play(strategy(name), start, a_round(np.random.default_rng(1), start))
    other = play(strategy(name), turned, a_round(np.random.default_rng(1), start))
    assert as_bytes(one) == as_bytes(other)


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
