"""A round of a strategy without clients: what they would answer is written down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from flwr.app import ConfigRecord, Message

from fedreid import wire
from fedreid.scenario.schema import AggregationSettings
from fedreid.simulation.grid import FIRST_CLIENT_NODE
from fedreid.simulation.serial import SerialGrid
from server.strategies.fedavg import FedAvg
from server.strategies.server_optimisers import NAMES as OPTIMISERS
from server.strategies.server_optimisers import ServerOptimiser
from server.strategies.whole_cohort import WholeCohort
from tests.messages import sent
from tests.server.toy import toy_app

Model = Mapping[str, np.ndarray]
MANY = 20
NODES = {client: client + FIRST_CLIENT_NODE for client in range(MANY)}
GRID = SerialGrid(toy_app(), MANY)


def theta(*values: float) -> dict[str, np.ndarray]:
    """A model of one array."""
    return {"theta": np.array(values, np.float32)}


def answer(model: Model, client: int = 0, *, images: float = 1, loss: float = 1.0, **metrics: float) -> Message:
    """A reply whose arrays nobody may write to."""
    for array in model.values():
        array.setflags(write=False)
    return wire.reply(sent(model, client), {wire.NUM_EXAMPLES: images, "loss": loss} | metrics, model)


def ask(strategy: FedAvg, model: Model, server_round: int = 1) -> list[Message]:
    """The messages of a round."""
    return list(strategy.configure_train(server_round, wire.to_record(model), ConfigRecord({}), GRID))


def play(strategy: FedAvg, model: Model, replies: Iterable[Message], server_round: int = 1) -> dict[str, np.ndarray]:
    """The global model after one round."""
    strategy.nodes = NODES
    ask(strategy, model, server_round)
    arrays, _ = strategy.aggregate_train(server_round, replies)
    assert arrays is not None
    return dict(wire.to_arrays(arrays))


def answers(values: Sequence[float], images: Sequence[float] | None = None) -> list[Message]:
    """Client i has the model values[i]."""
    weights = images or [1] * len(values)
    return [
        answer(theta(value), i, images=weight) for i, (value, weight) in enumerate(zip(values, weights, strict=True))
    ]


def strategy(name: str, **settings: float) -> FedAvg:
    """One of Flower's, with these settings; the clients' learning rate is 0.1."""
    chosen = AggregationSettings.model_validate(settings)
    if name in OPTIMISERS:
        return ServerOptimiser(name, chosen, nodes=NODES)
    return WholeCohort(name, chosen, client_learning_rate=0.1, nodes=NODES)


def value(model: Model) -> float:
    """The only number of a model."""
    return model["theta"].item()
