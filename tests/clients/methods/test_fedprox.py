"""FedProx against a plain loop, and what its pull is on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from clients.client import Client
from clients.methods.fedavg import fedavg
from clients.methods.fedprox import Proximal, fedprox, shared_parameters
from clients.workspace import workspace
from tests.clients.methods.toy import (
    assert_close,
    doubled,
    drawn_proxies,
    plain_round,
    toy_client,
    toy_workspace,
    weights,
)

NewRun = Callable[..., Path]


def test_the_gradient_of_half_the_squared_distance() -> None:
    """w = (3, 1), received (1, 2), gradient (10, 20), mu = .5: (10 + .5 * 2, 20 - .5 * 1)."""
    parameter = torch.nn.Parameter(torch.tensor([3.0, 1.0]))
    untouched = torch.nn.Parameter(torch.tensor([5.0]))
    parameter.grad = torch.tensor([10.0, 20.0])
    anchor = [torch.tensor([0.0]), torch.tensor([1.0, 2.0])]
    Proximal([untouched, parameter], anchor, 0.5)()
    assert parameter.grad.tolist() == [11.0, 19.5]
    assert untouched.grad is None, "the loss doesn't depend on it, so it never moved"
    assert anchor[1].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("mu", [0.01, 2.0])
def test_three_steps_of_a_plain_loop(mu: float) -> None:
    space = toy_workspace(fedprox={"mu": mu})
    start = weights(space.model)
    client = toy_client(space)
    fedprox(client)

    def pull(name: str, value: torch.Tensor) -> torch.Tensor | float:
        return mu * (value - start[name]) if name in start else 0.0

    expected = plain_round(start, drawn_proxies(3), client.images, pull=pull)
    assert_close(weights(space.model) | doubled(client.state), expected)


def test_without_weight_it_is_fedavg_bit_for_bit() -> None:
    spaces = toy_workspace(fedprox={"mu": 0.0}), toy_workspace()
    for space, method in zip(spaces, (fedprox, fedavg), strict=True):
        method(toy_client(space))
    assert all(torch.equal(one, two) for one, two in zip(*(s.model.parameters() for s in spaces), strict=True))


def test_the_next_round_is_held_near_the_model_of_that_round() -> None:
    space = toy_workspace(fedprox={"mu": 1.0})
    first = toy_client(space)
    fedprox(first)
    kept = doubled(first.state)["proxies"]
    trained = weights(space.model)
    space.sent = {name: tensor.float().numpy() for name, tensor in trained.items()}
    second = toy_client(space, first.state, server_round=2)
    fedprox(second)

    def pull(name: str, value: torch.Tensor) -> torch.Tensor | float:
        return value - trained[name] if name in trained else 0.0

    expected = plain_round(trained, kept, first.images, pull=pull)
    assert_close(weights(space.model), {name: expected[name] for name in trained})


@pytest.mark.parametrize(("policy", "has_scale"), [("average", True), ("statistics_local", True), ("local", False)])
def test_the_pull_is_on_trained_tensors_that_travel(policy: str, has_scale: bool, new_run: NewRun) -> None:
    space = workspace(str(new_run("method.name=fedprox", f"federation.batchnorm={policy}")))
    client = Client(0, 1, space, space.model, {})
    names = set(shared_parameters(client))
    assert "conv1.weight" in names
    assert ("bn1.weight" in names) is has_scale
    assert not any("running" in name for name in names)
