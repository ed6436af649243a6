"""FedAvg's local step against a plain loop, and the learning rate's part in the schedule of the rounds."""

from __future__ import annotations

import torch

from clients.methods.fedavg import fedavg
from clients.training import round_schedule
from fedreid.scenario.schema import Scenario
from tests.clients.methods.toy import (
    assert_close,
    doubled,
    drawn_proxies,
    features,
    pixels,
    plain_round,
    toy_client,
    toy_workspace,
    unit,
    weights,
)


def test_three_steps_of_a_plain_loop() -> None:
    space = toy_workspace()
    start = weights(space.model)
    client = toy_client(space)
    stats = fedavg(client)
    expected = plain_round(start, drawn_proxies(3), client.images)
    assert_close(weights(space.model) | doubled(client.state), expected)
    assert (stats.steps, stats.images) == (3, 36)


def test_the_next_round_goes_on_with_the_proxies_and_without_momentum() -> None:
    space = toy_workspace()
    start = weights(space.model)
    first = toy_client(space)
    fedavg(first)
    second = toy_client(space, first.state, server_round=2)
    fedavg(second)
    proxies = plain_round(start, drawn_proxies(3), first.images)["proxies"]
    expected = plain_round(start, proxies, first.images)
    assert_close(weights(space.model) | doubled(second.state), expected)


def test_proxies_can_start_as_class_means() -> None:
    space = toy_workspace(proxies="class_mean")
    start = weights(space.model)
    client = toy_client(space)
    rows = unit(features(start, pixels(client.images)))
    means = torch.stack([rows[client.images.labels == label].mean(0) for label in range(3)])
    torch.testing.assert_close(client.proxies().detach().double(), means, rtol=1e-5, atol=1e-6)
    fedavg(client)
    assert_close(weights(space.model) | doubled(client.state), plain_round(start, means, client.images))


def test_a_training_of_its_own_length_has_no_part_in_the_schedule() -> None:
    """The rate is constant there; in a round it would be a tenth, for the milestone lies behind."""
    settings = {"schedule": "steps", "milestones": (0.0,)}
    alone, scheduled = toy_workspace(**settings), toy_workspace(**settings)
    start = weights(alone.model)
    fedavg(toy_client(alone), epochs=2)
    expected = plain_round(start, drawn_proxies(3), alone.data.train(0), steps=2)
    assert_close(weights(alone.model), {name: expected[name] for name in start})
    fedavg(toy_client(scheduled))
    moved = (scheduled.model.body.weight - start["body.weight"]).abs().max()
    assert moved < 0.5 * (alone.model.body.weight - start["body.weight"]).abs().max()


def test_the_rate_of_a_step_depends_on_where_it_is_in_all_rounds() -> None:
    """5 rounds of 4 steps, milestones at half and three quarters: steps 10 and 15."""
    space = toy_workspace(schedule="steps")
    rates = []
    for server_round in range(1, 6):
        schedule = round_schedule(space.scenario, server_round)
        assert schedule is not None
        rates += [round(schedule(step, 4), 10) for step in range(4)]
    assert rates == [1.0] * 10 + [0.1] * 5 + [0.01] * 5
    assert round_schedule(toy_workspace().scenario, 1) is None


def test_the_published_codes_rate_falls_within_each_round() -> None:
    """After epoch 8 of 10, 6 of 8, 4 of 6, and 3 of 4."""
    plain = toy_workspace().scenario
    scenario = Scenario.model_validate(
        plain.model_dump() | {"faithful": {"round_lr_decay": True, "adaptive_epochs": True}}
    )
    for server_round, (epochs, start) in enumerate([(10, 8), (8, 6), (6, 4), (4, 3), (4, 3)], start=1):
        schedule = round_schedule(scenario, server_round)
        assert schedule is not None
        found = [round(schedule(step, 3 * epochs), 10) for step in range(3 * epochs)]
        assert found == [1.0] * (3 * start) + [0.1] * (3 * (epochs - start))
