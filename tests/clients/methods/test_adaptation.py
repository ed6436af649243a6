"""The second stage of two-stage personalization: from the final model on, alone, with and without a teacher."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flwr.app import Message

from clients.methods.adaptation import distil, fine_tune
from fedreid import wire
from fedreid.scenario.schema import Scenario
from tests.clients.methods.rounds import IMAGES, kept_by, start_of, state_file, train
from tests.clients.methods.toy import (
    SCALE,
    Named,
    ToyWorkspace,
    assert_close,
    cosface_of,
    drawn_proxies,
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
PUBLIC_IMAGES, CLASSES = 24, 7


def adapting(**settings: Any) -> ToyWorkspace:
    """A toy with other settings of the adaptation, and a schedule that must not count in it."""
    space = toy_workspace(schedule="steps", milestones=(0.0,))
    space.scenario = Scenario.model_validate(space.scenario.model_dump() | {"adaptation": settings})
    return space


def test_fine_tuning_is_a_plain_loop_at_the_full_learning_rate() -> None:
    space = adapting(epochs=2)
    start = weights(space.model)
    proxies = torch.randn(3, 4, generator=torch.Generator().manual_seed(2))
    client = toy_client(space, {"proxies": proxies}, server_round=31)
    fine_tune(client)
    expected = plain_round(start, proxies.double(), client.images, steps=2)
    assert_close(weights(space.model), {name: expected[name] for name in start})


@pytest.mark.parametrize("form", ["sum", "yu2020"])
def test_distillation_is_a_plain_loop_with_the_teachers_opinion(form: str) -> None:
    """L_cos + beta T^2 KL(p || q), or .95 T^2 KL / K + .05 L_cos, with p and q softmax(s cos / T) without margin."""
    beta, temperature = 0.7, 2.0
    space = adapting(epochs=3, beta=beta, temperature=temperature, form=form)
    start = weights(space.model)
    client = toy_client(space, {"proxies": drawn_proxies(3).float()}, server_round=31)
    torch.nn.init.ones_(space.another("global").body.weight)  # what an earlier client's round left there
    distil(client)
    x, hard_loss = pixels(client.images), cosface_of(client.images)

    def opinion(network: Named, proxies: torch.Tensor) -> torch.Tensor:
        powers = torch.exp(SCALE * unit(features(network, x)) @ unit(proxies).T / temperature)
        return powers / powers.sum(1, keepdim=True)

    teacher = opinion(start, drawn_proxies(3))

    def loss(live: Named) -> torch.Tensor:
        hard = hard_loss(live)
        student = opinion(live, live["proxies"])
        soft = temperature**2 * (teacher * torch.log(teacher / student)).sum(1).mean()
        return hard + beta * soft if form == "sum" else 0.95 * soft / 3 + 0.05 * hard

    expected = plain_sgd(start | {"proxies": drawn_proxies(3)}, loss, 3)
    assert_close(weights(space.model), {name: expected[name] for name in start})


def adapted(run_dir: Path, which: str, arrays: dict[str, np.ndarray]) -> Message:
    return train(run_dir, arrays, server_round=2, message_type=wire.ADAPT, **{wire.ADAPTATION: which})


@pytest.mark.parametrize("which", ["fine_tune", "distillation"])
@pytest.mark.parametrize(
    ("method", "images"), [("fedavg", IMAGES), ("fedfr", IMAGES + PUBLIC_IMAGES)], ids=["own", "mixed"]
)
def test_a_client_goes_on_with_its_proxies_and_keeps_nothing(
    which: str, method: str, images: int, new_run: NewRun
) -> None:
    """On D_i, and the hard negatives where the federation had them; evaluated, without sending a model."""
    run_dir = new_run(f"method.name={method}", "method.hard_negatives.threshold=-1.0", "adaptation.epochs=2")
    start = start_of(run_dir)
    train(run_dir, start)
    before = state_file(run_dir, 0, 1).read_bytes()
    answer = adapted(run_dir, which, start)
    assert set(answer.content) == {wire.METRICS}
    metrics = wire.metrics_of(answer)
    assert metrics["images"] == 2 * images
    assert {"mAP", "rank1", wire.NUM_EXAMPLES} <= metrics.keys()
    assert state_file(run_dir, 0, 1).read_bytes() == before
    assert not state_file(run_dir, 0, 2).exists()


def test_what_a_client_learnt_of_its_people_in_the_federation_counts(new_run: NewRun) -> None:
    run_dir = new_run()
    start = start_of(run_dir)
    train(run_dir, start)
    assert kept_by(run_dir, 0, 1)["proxies"].abs().max() > 0.1
    with_proxies = wire.metrics_of(adapted(run_dir, "fine_tune", start))["loss"]
    state_file(run_dir, 0, 1).unlink()
    assert wire.metrics_of(adapted(run_dir, "fine_tune", start))["loss"] != with_proxies
