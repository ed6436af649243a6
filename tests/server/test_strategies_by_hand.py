"""Flower's strategies behind our sampling: one or two rounds of each, with numbers worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from server.strategies.fedavg import FedAvg
from server.strategies.whole_cohort import SELECTING
from tests.server.replies import answer, answers, play, strategy, theta, value

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
