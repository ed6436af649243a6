"""Ditto: what is sent is FedAvg's, and the personal model is a plain loop's, held near what was received."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clients.methods.ditto import ditto
from clients.workspace import workspace
from fedreid import wire
from tests.clients.methods.rounds import IMAGES, arrays_of, kept_by, start_of, train
from tests.clients.methods.toy import (
    Named,
    assert_close,
    doubled,
    drawn_proxies,
    plain_round,
    toy_client,
    toy_workspace,
    weights,
)

NewRun = Callable[..., Path]


def near(start: Named, strength: float) -> Callable[[str, torch.Tensor], torch.Tensor | float]:
    return lambda name, value: strength * (value - start[name]) if name in start else 0.0


def test_two_rounds_of_a_plain_loop() -> None:
    """The second round's personal model goes on from the first one's, near the second round's received model."""
    space = toy_workspace(ditto={"strength": 0.7})
    start = weights(space.model)
    first = toy_client(space)
    stats = ditto(first)
    images = first.images
    sent = plain_round(start, drawn_proxies(3), images)
    personal = plain_round(start, drawn_proxies(3), images, pull=near(start, 0.7))
    assert_close(weights(space.model), {name: sent[name] for name in start})
    assert_close(doubled(first.state, "personal."), {name: personal[name] for name in start})
    assert_close(doubled(first.state, "personal_"), {"proxies": personal["proxies"]})
    torch.testing.assert_close(first.state["proxies"].double(), sent["proxies"], rtol=1e-4, atol=1e-5)
    assert (stats.steps, stats.images) == (6, 72)
    assert_close(weights(first.model), {name: personal[name] for name in start})

    other = weights(type(space.model)(seed=5))
    space.sent = {name: tensor.float().numpy() for name, tensor in other.items()}
    second = toy_client(space, first.state, server_round=2)
    ditto(second)
    begin = doubled(first.state, "personal.")
    begin_proxies = doubled(first.state)["personal_proxies"]
    expected = plain_round(begin, begin_proxies, images, pull=near(other, 0.7))
    assert_close(doubled(second.state, "personal."), {name: expected[name] for name in other})
    again = plain_round(other, doubled(first.state)["proxies"], images)
    assert_close(weights(space.model), {name: again[name] for name in other})


def test_epochs_of_the_personal_model_can_be_its_own() -> None:
    space = toy_workspace(ditto={"strength": 0.0, "epochs": 1})
    start = weights(space.model)
    client = toy_client(space)
    ditto(client)
    expected = plain_round(start, drawn_proxies(3), client.images, steps=1)
    assert_close(doubled(client.state, "personal."), {name: expected[name] for name in start})


def test_both_proxies_start_as_class_means_if_asked() -> None:
    space = toy_workspace(proxies="class_mean", ditto={"strength": 0.0})
    client = toy_client(space)
    ditto(client)
    torch.testing.assert_close(client.state["proxies"], client.state["personal_proxies"])  # no pull, one batch
    assert client.state["proxies"].data_ptr() != client.state["personal_proxies"].data_ptr()


def test_without_a_pull_the_personal_model_has_other_batches_than_the_sent_one(new_run: NewRun) -> None:
    run_dir = new_run("method.name=ditto", "method.ditto.strength=0.0")
    sent = arrays_of(train(run_dir, start_of(run_dir)))
    assert (sent["conv1.weight"] != kept_by(run_dir, 0, 1)["personal.conv1.weight"].numpy()).any()


@pytest.mark.parametrize("policy", ["average", "local", "statistics_local"])
def test_what_is_sent_and_kept_beside_the_personal_model_is_fedavgs(policy: str, new_run: NewRun) -> None:
    """Private BatchNorm of the sent model above all: the personal model must not leave its own in its place."""
    overrides = (f"federation.batchnorm={policy}", "method.ditto.strength=0.5")
    runs = [new_run(f"method.name={name}", *overrides, name=name) for name in ("ditto", "fedavg")]
    for server_round in (1, 2):
        sent, kept = [], []
        for run_dir in runs:
            start = start_of(run_dir)
            sent.append(arrays_of(train(run_dir, start, server_round=server_round, evaluate=True)))
            kept.append(kept_by(run_dir, 0, server_round))
        assert all((sent[0][name] == sent[1][name]).all() for name in sent[1])
        beside = {name: tensor for name, tensor in kept[0].items() if not name.startswith("personal")}
        assert beside.keys() == kept[1].keys()
        assert all(torch.equal(beside[name], kept[1][name]) for name in beside)
    everything = {
        name for name, tensor in workspace(str(runs[0])).model.state_dict().items() if tensor.dtype.is_floating_point
    }
    assert {name[9:] for name in kept[0] if name.startswith("personal.")} == everything
    assert not torch.equal(kept[0]["personal.bn1.running_mean"], kept[0].get("bn1.running_mean", torch.zeros(1)))


def test_the_personal_model_is_the_one_that_is_evaluated(new_run: NewRun) -> None:
    """Its scores are those of a round's global model with the same weights, and not of what is sent."""
    run_dir = new_run("method.name=ditto", "method.ditto.epochs=4", "method.learning_rate=0.1")
    start = start_of(run_dir)
    answer = train(run_dir, start, evaluate=True)
    kept = kept_by(run_dir, 0, 1)
    models = {name: kept[f"personal.{name}"].numpy() for name in start}, arrays_of(answer)
    personal, sent = (
        wire.metrics_of(train(run_dir, model, server_round=9, message_type="evaluate")) for model in models
    )
    scores = {name: value for name, value in wire.metrics_of(answer).items() if name in wire.RANKING_METRICS}
    assert scores == {name: personal[name] for name in scores}
    assert scores != {name: sent[name] for name in scores}
    assert wire.metrics_of(answer)["images"] == (1 + 4) * IMAGES


def test_a_personal_model_that_is_not_finite_is_named(new_run: NewRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last step can spoil it without spoiling a loss; kept, it would fail every later round."""
    module = importlib.import_module("clients.methods.ditto")  # the package's own attribute is the function
    train_both = module.train

    def spoilt(client, objective, *arguments, model=None, **options):  # type: ignore[no-untyped-def]
        stats = train_both(client, objective, *arguments, model=model, **options)
        model.conv1.weight.data[0] = np.inf
        return stats

    monkeypatch.setattr(module, "train", spoilt)
    run_dir = new_run("method.name=ditto")
    with pytest.raises(FloatingPointError, match=r"conv1.weight is not finite \(step 2"):
        train(run_dir, start_of(run_dir))
    assert not (run_dir / "checkpoints" / "clients").exists()
