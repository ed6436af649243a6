"""FedPav's weight by cosine distance, against the definition; its training is FedAvg's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clients.methods.fedavg import fedavg
from clients.methods.fedpav import SMALLEST_WEIGHT, cosine_distance, fedpav
from fedreid import wire
from tests.clients.methods.rounds import arrays_of, start_of, train
from tests.clients.methods.toy import features, pixels, toy_client, toy_workspace, unit, weights

NewRun = Callable[..., Path]
BY_DISTANCE = {"weights": "cosine_distance"}


def test_the_weight_is_the_mean_of_one_minus_cosine() -> None:
    space = toy_workspace(fedpav=BY_DISTANCE)
    x = pixels(space.data.train(0))
    before = unit(features(weights(space.model), x))
    client = toy_client(space)
    fedpav(client)
    after = unit(features(weights(space.model), x))
    expected = (1 - (before * after).sum(1)).mean().item()
    assert expected > 0.001
    assert client.reported[wire.WEIGHT] == pytest.approx(expected, rel=1e-4)


def test_the_distance_by_hand() -> None:
    """Cosines .6, 0 and -1."""
    first = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    second = np.array([[0.6, 0.8], [0, 1], [0, -1]], np.float32)
    assert cosine_distance(first, second) == pytest.approx((0.4 + 1 + 2) / 3, rel=1e-6)


@given(angle=st.floats(1e-6, 1e-3))
def test_small_movements_are_not_rounded_away(angle: float) -> None:
    """1 - cos(a) is a^2 / 2; as a difference of float32 numbers it would be 0, or 6e-8."""
    moved = cosine_distance(np.array([[1.0, 0.0]]), np.array([[np.cos(angle), np.sin(angle)]]))
    assert moved == pytest.approx(angle**2 / 2, rel=1e-6)


def test_a_client_that_did_not_move_still_has_a_weight() -> None:
    space = toy_workspace(fedpav=BY_DISTANCE, learning_rate=1e-30)
    client = toy_client(space)
    fedpav(client)
    assert client.reported[wire.WEIGHT] == SMALLEST_WEIGHT > 0


@pytest.mark.parametrize("weighting", ["images", "cosine_distance"])
def test_the_training_is_fedavgs_bit_for_bit(weighting: str) -> None:
    spaces = toy_workspace(fedpav={"weights": weighting}), toy_workspace()
    reported = []
    for space, method in zip(spaces, (fedpav, fedavg), strict=True):
        client = toy_client(space)
        method(client)
        reported.append(set(client.reported))
    assert all(torch.equal(one, two) for one, two in zip(*(s.model.parameters() for s in spaces), strict=True))
    assert reported == [{wire.WEIGHT} if weighting == "cosine_distance" else set(), set()]


def test_the_weight_is_reported_beside_the_number_of_images(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedpav", 'method.fedpav.weights="cosine_distance"')
    plain = new_run(name="plain")
    start = start_of(run_dir)
    answer = train(run_dir, start)
    metrics = wire.metrics_of(answer)
    assert metrics[wire.NUM_EXAMPLES] == 12
    assert SMALLEST_WEIGHT < metrics[wire.WEIGHT] < 2
    fedavgs = arrays_of(train(plain, start))
    assert all((arrays_of(answer)[name] == fedavgs[name]).all() for name in start), "looking changes nothing"
