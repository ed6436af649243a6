"""MOON against a plain loop, its first round, and its sameness with FedFR's contrastive part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from clients.methods.fedavg import fedavg
from clients.methods.moon import moon
from tests.clients.methods.rounds import arrays_of, kept_by, start_of, train
from tests.clients.methods.toy import (
    Network,
    assert_close,
    doubled,
    drawn_proxies,
    features,
    pixels,
    plain_cosface,
    plain_sgd,
    toy_client,
    toy_workspace,
    unit,
    weights,
)

NewRun = Callable[..., Path]


def test_the_first_round_is_fedavgs_bit_for_bit() -> None:
    spaces = toy_workspace(moon={"weight": 100.0}), toy_workspace()
    for space, method in zip(spaces, (moon, fedavg), strict=True):
        method(toy_client(space))
    assert all(torch.equal(one, two) for one, two in zip(*(s.model.parameters() for s in spaces), strict=True))


def test_the_second_round_of_a_plain_loop() -> None:
    """-log(e^(near/t) / (e^(near/t) + e^(far/t))), near to the received model, far from the client's own."""
    space = toy_workspace(moon={"weight": 3.0, "temperature": 0.25})
    received = weights(space.model)
    previous = Network(seed=9)
    state = {f"previous.{name}": tensor for name, tensor in previous.state_dict().items()}
    client = toy_client(space, state | {"proxies": drawn_proxies(3).float()}, server_round=2)
    moon(client)
    x, labels = pixels(client.images), client.images.labels
    global_features, own = unit(features(received, x)), unit(features(weights(previous), x))

    def loss(live: dict[str, torch.Tensor]) -> torch.Tensor:
        now = features(live, x)
        near = torch.exp((unit(now) * global_features).sum(1) / 0.25)
        far = torch.exp((unit(now) * own).sum(1) / 0.25)
        return plain_cosface(now, live["proxies"], labels) - 3.0 * torch.log(near / (near + far)).mean()

    expected = plain_sgd(received | {"proxies": drawn_proxies(3)}, loss, 3)
    assert_close(weights(space.model) | {"proxies": doubled(client.state)["proxies"]}, expected)
    assert_close(doubled(client.state, "previous."), weights(space.model))


def test_it_is_fedfr_with_the_contrastive_part_alone(new_run: NewRun) -> None:
    runs = (
        new_run("method.name=moon", "method.moon.weight=2.5", "method.moon.temperature=0.3", name="moon"),
        new_run(
            "method.name=fedfr", 'method.parts=["contrastive"]', "method.contrastive.weight=2.5",
            "method.contrastive.temperature=0.3", name="fedfr",
        ),
    )  # fmt: skip
    found = []
    for run_dir in runs:
        start = start_of(run_dir)
        train(run_dir, start)
        found.append((arrays_of(train(run_dir, start, server_round=2)), kept_by(run_dir, 0, 2)))
    (moons, moons_state), (fedfrs, fedfrs_state) = found
    assert all((moons[name] == fedfrs[name]).all() for name in moons)
    assert moons_state.keys() == fedfrs_state.keys()
    assert all(torch.equal(moons_state[name], fedfrs_state[name]) for name in moons_state)


def test_the_published_codes_random_network_is_fedfrs_alone(new_run: NewRun) -> None:
    first = {}
    for name, overrides in (
        ("moon", ()),
        ("moon-random", ("faithful.random_previous=true",)),
        ("fedfr", ()),
        ("fedfr-random", ("faithful.random_previous=true",)),
    ):
        run_dir = new_run(f"method.name={name[:5].rstrip('-')}", 'method.parts=["contrastive"]', *overrides, name=name)
        first[name] = arrays_of(train(run_dir, start_of(run_dir)))["conv1.weight"]
    assert (first["moon"] == first["moon-random"]).all()
    assert (first["fedfr"] != first["fedfr-random"]).any()
