"""The upper bound against a plain loop over everybody's images, with and without public people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from clients.client import Client
from clients.methods.centralised import centralised
from clients.workspace import workspace
from fedreid import run_folder, wire
from tests.clients.methods.rounds import DIM, IDENTITIES, IMAGES, PUBLIC, arrays_of, kept_by, start_of, train
from tests.clients.methods.toy import (
    DIM as TOY_DIM,
)
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
CLIENTS = 3


def test_rounds_of_a_plain_loop(tmp_path: Path) -> None:
    """2 clients of 3 people and 2 public people: 8 classes, private ones first, and 32 images in a step."""
    space = toy_workspace(2, public=2)
    space.run_dir = tmp_path
    public_proxies = torch.randn(2, TOY_DIM, generator=torch.Generator().manual_seed(4))
    save_file({"proxies": public_proxies}, tmp_path / run_folder.PUBLIC_PROXIES)
    start = weights(space.model)
    first = toy_client(space)
    stats = centralised(first)
    loss = cosface_of(space.data.train(0), space.data.train(1), space.data.public)
    begin = start | {"proxies": drawn_proxies(6), "public_proxies": public_proxies.double()}
    once = plain_sgd(begin, loss, 3)
    assert_close(weights(space.model) | doubled(first.state), once)
    assert (stats.steps, stats.images) == (3, 3 * 32)
    (tmp_path / run_folder.PUBLIC_PROXIES).unlink()
    second = toy_client(space, first.state, server_round=2)
    centralised(second)
    begin = once | start  # the toy's server sends the start again; the proxies go on
    assert_close(weights(space.model) | doubled(second.state), plain_sgd(begin, loss, 3))


def test_without_public_people() -> None:
    space = toy_workspace(2)
    start = weights(space.model)
    client = toy_client(space)
    centralised(client)
    loss = cosface_of(space.data.train(0), space.data.train(1))
    expected = plain_sgd(start | {"proxies": drawn_proxies(6)}, loss, 3)
    assert_close(weights(space.model) | doubled(client.state), expected)


def test_a_round_of_the_tiny_federation(new_run: NewRun) -> None:
    """3 clients x 12 images and 4 public people x 6 images; the client's own count is what it weighs."""
    run_dir = new_run("method.name=centralised")
    start = start_of(run_dir)
    answer = train(run_dir, start)
    metrics = wire.metrics_of(answer)
    assert metrics["images"] == CLIENTS * IMAGES + PUBLIC * 6
    assert metrics[wire.NUM_EXAMPLES] == IMAGES
    assert arrays_of(answer).keys() == start.keys()
    kept = kept_by(run_dir, 0, 1)
    assert {name: tuple(rows.shape) for name, rows in kept.items()} == {
        "proxies": (CLIENTS * IDENTITIES, DIM),
        "public_proxies": (PUBLIC, DIM),
    }
    begin = load_file(run_dir / run_folder.PUBLIC_PROXIES)["proxies"]
    assert not torch.equal(kept["public_proxies"], begin)


def test_class_means_are_those_of_all_private_people(new_run: NewRun) -> None:
    run_dir = new_run("method.name=centralised", 'method.proxies="class_mean"', "method.learning_rate=1e-30")
    train(run_dir, start_of(run_dir))
    proxies = kept_by(run_dir, 0, 1)["proxies"].numpy()
    space = workspace(str(run_dir))
    space.receive(start_of(run_dir), {})
    means = [Client(index, 1, space, space.model, {}).class_means() for index in range(CLIENTS)]
    found, expected = (np.sort(rows, axis=0) for rows in (proxies, np.concatenate(means)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
