"""FedRep's two phases against a plain loop, and what each of them leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clients.client import HEAD as HEAD_STREAM
from clients.client import TRAINING, Client
from clients.methods.fedrep import fedrep, fixed
from fedreid import wire
from tests.clients.methods.rounds import IMAGES, arrays_of, kept_by, start_of, train
from tests.clients.methods.toy import (
    assert_close,
    cosface_of,
    doubled,
    drawn_proxies,
    plain_sgd,
    toy_client,
    toy_workspace,
    weights,
)

NewRun = Callable[..., Path]
HEAD = {"name": "fedrep", "fedper": {"layers": ["embedding"]}}


def test_first_the_head_then_the_representation() -> None:
    """Two steps on (embedding, proxies) under a fixed body, then three on the body under the result."""
    space = toy_workspace(**HEAD, fedrep={"head_epochs": 2})
    start = weights(space.model)
    client = toy_client(space)
    stats = fedrep(client)
    loss, body = cosface_of(client.images), {"body.weight": start.pop("body.weight")}
    head = plain_sgd(start | {"proxies": drawn_proxies(3)}, lambda live: loss(live | body), 2)
    body = plain_sgd(body, lambda live: loss(live | head), 3)
    assert_close(weights(space.model) | doubled(client.state), head | body)
    assert (stats.steps, stats.images) == (5, 60)


def test_the_next_round_starts_without_gradients_of_this_one() -> None:
    """Left-over gradients would add to the first step of the phase in which their tensors are trained."""
    space = toy_workspace(**HEAD)
    again = toy_workspace(**HEAD)
    first = toy_client(space)
    fedrep(first)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in space.model.parameters())
    state = first.state | {"embedding.weight": space.model.embedding.weight.detach().clone()}
    for each in (space, again):
        fedrep(toy_client(each, state, server_round=2))
    assert_close(weights(space.model), weights(again.model))
    assert torch.equal(space.model.body.weight, again.model.body.weight)


def test_the_learning_rate_of_both_phases_follows_the_schedule() -> None:
    """After the only milestone, at the very start, it is a tenth throughout: the head moves a tenth of the way."""
    full, tenth = toy_workspace(**HEAD), toy_workspace(**HEAD, schedule="steps", milestones=(0.0,))
    moved = []
    for space in (full, tenth):
        before = space.model.embedding.weight.detach().clone()
        fedrep(toy_client(space))
        moved.append((space.model.embedding.weight - before).norm().item())
    assert moved[1] == pytest.approx(0.1 * moved[0], rel=0.3)


def test_each_phase_has_a_stream_of_random_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """From one stream the second phase's first epoch would have the batches of the first phase's."""
    asked: list[int] = []
    draw = Client.generator

    def generator(client: Client, purpose: int) -> np.random.Generator:
        asked.append(purpose)
        return draw(client, purpose)

    monkeypatch.setattr(Client, "generator", generator)
    fedrep(toy_client(toy_workspace(**HEAD)))
    assert asked == [HEAD_STREAM, TRAINING]
    assert HEAD_STREAM != TRAINING


def test_parameters_are_trained_again_after_a_failure() -> None:
    parameter = torch.nn.Parameter(torch.ones(2))

    def fail() -> None:
        with fixed([parameter]):
            assert not parameter.requires_grad
            raise ValueError("loss is nan")

    with pytest.raises(ValueError, match="loss is nan"):
        fail()
    assert parameter.requires_grad


@pytest.mark.parametrize("policy", ["average", "local"])
def test_private_tensors_stay_and_persist_and_statistics_move_everywhere(policy: str, new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedrep", f"federation.batchnorm={policy}", "method.fedrep.head_epochs=2")
    start = start_of(run_dir)
    answer = train(run_dir, start)
    assert wire.metrics_of(answer)["images"] == 3 * IMAGES
    sent = arrays_of(answer)
    assert sent.keys() == start.keys()
    assert not any(name.startswith("embedding") for name in sent)
    kept = kept_by(run_dir, 0, 1)
    assert {"proxies", "embedding.weight", "embedding_bn.weight", "embedding_bn.running_mean"} <= kept.keys()
    assert ("bn1.weight" in kept) is (policy == "local")
    statistics = {**sent, **{name: tensor.numpy() for name, tensor in kept.items()}}["bn1.running_mean"]
    assert np.abs(statistics).max() > 0, "measured in passes in training mode, of the fixed part too"
