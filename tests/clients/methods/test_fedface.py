"""FedFace: softmax or hinge against a plain loop, where proxies come from, and where they go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clients.methods.fedface import PositiveHinge, fedface
from fedreid import wire
from fedreid.training import Batch
from tests.clients.methods.rounds import DIM, IDENTITIES, kept_by, start_of, train
from tests.clients.methods.toy import (
    DIM as TOY_DIM,
)
from tests.clients.methods.toy import (
    assert_close,
    doubled,
    features,
    pixels,
    plain_round,
    plain_sgd,
    toy_client,
    toy_workspace,
    unit,
    weights,
)

NewRun = Callable[..., Path]


def class_means(network: dict[str, torch.Tensor], images) -> torch.Tensor:  # type: ignore[no-untyped-def]
    rows = unit(features(network, pixels(images)))
    return torch.stack([rows[images.labels == label].mean(0) for label in range(images.num_identities)])


@pytest.mark.parametrize("start_at", ["normal", "class_mean"])
def test_proxies_start_as_class_means_whatever_the_setting(start_at: str) -> None:
    space = toy_workspace(proxies=start_at)
    start = weights(space.model)
    client = toy_client(space)
    fedface(client)
    expected = plain_round(start, class_means(start, client.images), client.images)
    assert_close(weights(space.model) | doubled(client.state), expected)
    assert client.sent_proxies is not None
    assert client.sent_proxies.dtype == np.float32
    np.testing.assert_array_equal(client.sent_proxies, client.state["proxies"].numpy())


def test_proxies_that_the_server_spread_out_replace_the_clients_own() -> None:
    space = toy_workspace()
    start = weights(space.model)
    given = np.random.default_rng(3).standard_normal((3, TOY_DIM)).astype(np.float32)
    given.setflags(write=False)
    before = given.copy()
    client = toy_client(space, {"proxies": torch.ones(3, TOY_DIM)}, given_proxies=given)
    fedface(client)
    expected = plain_round(start, torch.from_numpy(before).double(), client.images)
    assert_close(weights(space.model) | doubled(client.state), expected)
    np.testing.assert_array_equal(given, before)


def test_a_client_goes_on_with_its_own_proxies_when_the_server_has_none() -> None:
    space = toy_workspace()
    own = torch.randn(3, TOY_DIM, generator=torch.Generator().manual_seed(1))
    start = weights(space.model)
    client = toy_client(space, {"proxies": own}, server_round=2)
    fedface(client)
    assert_close(weights(space.model) | doubled(client.state), plain_round(start, own.double(), client.images))


def test_a_single_identity_is_drawn_to_its_proxy() -> None:
    """Mean of [target - cos]_+^2, with a target that some images reach and others don't."""
    space = toy_workspace(identities=1, fedface={"target": 0.95})
    start = weights(space.model)
    client = toy_client(space, {"proxies": torch.tensor([[1.0, 2.0, -1.0, 0.5]])})
    proxy = client.state["proxies"].double()
    stats = fedface(client)
    x = pixels(client.images)

    def loss(live: dict[str, torch.Tensor]) -> torch.Tensor:
        cosines = (unit(features(live, x)) @ unit(live["proxies"]).T)[:, 0]
        return sum(max(0.95 - cosine, 0 * cosine) ** 2 for cosine in cosines) / len(x)  # type: ignore[return-value]

    expected = plain_sgd(start | {"proxies": proxy}, loss, 3)
    assert_close(weights(space.model) | doubled(client.state), expected)
    assert stats.accuracy == 1.0
    assert client.sent_proxies is not None
    assert client.sent_proxies.shape == (1, TOY_DIM)


def test_hinge_of_the_oracle() -> None:
    """A12: cosines .95, .8, .5 cost 0, .01 and .16."""
    cosines = torch.tensor([0.95, 0.8, 0.5], dtype=torch.float64)
    embeddings = torch.stack([cosines, (1 - cosines**2).sqrt()], 1)
    proxy = torch.nn.Parameter(torch.tensor([[2.0, 0.0]], dtype=torch.float64))
    loss, similarity = PositiveHinge(proxy, 0.9)(Batch(embeddings, embeddings, torch.zeros(3, dtype=torch.int64)))
    assert loss.item() == pytest.approx(0.0566666667, abs=1e-9)
    torch.testing.assert_close(similarity[:, 0], cosines)


def test_the_hinge_refuses_several_identities() -> None:
    with pytest.raises(ValueError, match="the hinge is for 1 identity, found 3 in 12 images"):
        PositiveHinge(torch.nn.Parameter(torch.ones(1, 4)), 0.9).check(toy_workspace().data.train(0))


def test_proxies_of_another_shape_are_refused() -> None:
    client = toy_client(toy_workspace(), given_proxies=np.zeros((2, TOY_DIM), np.float32))
    with pytest.raises(ValueError, match=r"client 0 got proxies of shape \(2, 4\), expected \(3, 4\)"):
        fedface(client)


def test_proxies_travel_both_ways_in_a_record_of_their_own(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedface")
    start = start_of(run_dir)
    answer = train(run_dir, start)
    assert set(answer.content) == {wire.ARRAYS, wire.METRICS, wire.PRIVATE_PROXIES}
    sent = wire.private_proxies_of(answer)
    assert sent is not None
    assert sent.shape == (IDENTITIES, DIM)
    assert wire.arrays_of(answer).keys() == start.keys()
    kept = kept_by(run_dir, 0, 1)["proxies"].numpy()
    np.testing.assert_array_equal(kept, sent)
    same = wire.private_proxies_of(train(run_dir, start, server_round=2, proxies=sent))
    again = wire.private_proxies_of(train(run_dir, start, server_round=2))
    other = wire.private_proxies_of(train(run_dir, start, server_round=2, proxies=-sent))
    np.testing.assert_array_equal(same, again)
    assert np.abs(same - other).max() > 0.01  # type: ignore[operator]


def test_proxies_leave_only_where_the_server_says_that_its_method_shares_them(new_run: NewRun) -> None:
    run_dir = new_run("method.name=fedface")
    with pytest.raises(wire.PrivacyError, match="record private-proxies"):
        train(run_dir, start_of(run_dir), **{wire.SHARES_PRIVATE_PROXIES: False})
