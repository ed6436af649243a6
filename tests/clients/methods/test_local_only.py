"""Training alone, round after round: the model stays, what came goes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from clients.methods.local_only import local_only
from clients.workspace import workspace
from fedreid import wire
from tests.clients.methods.rounds import arrays_of, kept_by, start_of, train
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


def test_a_round_goes_on_where_the_client_stopped_whatever_the_server_sends() -> None:
    space = toy_workspace()
    start = weights(space.model)
    first = toy_client(space)
    local_only(first)
    once = plain_round(start, drawn_proxies(3), first.images)
    assert_close(weights(space.model), {name: once[name] for name in start})
    space.sent = {name: np.full_like(array, 7.0) for name, array in space.sent.items()}
    second = toy_client(space, first.state, server_round=2)
    local_only(second)
    twice = plain_round({name: once[name] for name in start}, once["proxies"], first.images)
    assert_close(weights(space.model), {name: twice[name] for name in start})
    assert_close(doubled(second.state, "personal."), weights(space.model))


@pytest.mark.parametrize("is_flat", [True, False])
def test_what_came_goes_back_in_memory_of_its_own(is_flat: bool) -> None:
    space = toy_workspace()
    if not is_flat:  # as Flower's own engine delivers it
        space.sent = dict(space.sent.items())
    client = toy_client(space)
    local_only(client)
    assert client.update is not None
    assert client.update.keys() == space.sent.keys()
    for name, array in client.update.items():
        np.testing.assert_array_equal(array, space.sent[name])
        assert not np.may_share_memory(array, space.sent[name])
        assert not np.may_share_memory(array, space.shared[name].detach().numpy())


@pytest.mark.parametrize("policy", ["average", "local"])
def test_rounds_of_a_real_network(policy: str, new_run: NewRun) -> None:
    """Two rounds of one epoch with another client in between are what one process and no server would do."""
    run_dir = new_run("method.name=local_only", f"federation.batchnorm={policy}")
    start = start_of(run_dir)
    answer = train(run_dir, start, evaluate=True)
    assert all((arrays_of(answer)[name] == start[name]).all() for name in start)
    kept = kept_by(run_dir, 0, 1)
    score = wire.metrics_of(answer)["mAP"]
    personal = {name[9:]: tensor for name, tensor in kept.items() if name.startswith("personal.")}
    assert not torch.equal(personal["conv1.weight"], torch.from_numpy(start["conv1.weight"]))
    train(run_dir, start, client=1)
    workspace.cache_clear()
    fedavg = new_run(f"federation.batchnorm={policy}", name="fedavg")
    state = fedavg / "checkpoints" / "clients" / "0000"
    state.mkdir(parents=True)
    own = {name: personal[name].numpy() for name in start}
    save_file({name: kept[name] for name in kept if not name.startswith("personal.")}, state / "round-0001.safetensors")
    assert wire.metrics_of(train(fedavg, own, server_round=2, message_type="evaluate"))["mAP"] == score
    expected = arrays_of(train(fedavg, own, server_round=2))
    train(run_dir, start, server_round=2)
    found = kept_by(run_dir, 0, 2)
    assert all((found[f"personal.{name}"].numpy() == expected[name]).all() for name in start)
