"""Clients without training: client i has i + 1 images, adds i + 1 to every array, and fails on request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from fedreid import wire
from fedreid.models.distance import relative_distance
from fedreid.progress import Progress
from fedreid.simulation.serial import SerialGrid
from server.rounds import Federation
from server.setup import Setup

SCORES = {"mAP": 50.0, "rank1": 60.0, "rank5": 70.0, "rank10": 80.0, "mINP": 40.0, "queries": 6.0, "skipped": 0.0}


def toy_app(fails: Mapping[int, Collection[int]] | None = None, *, moves: bool = False) -> ClientApp:
    """An app whose clients fail in some rounds: round -> clients; `moves`: they say how far they went."""
    app = ClientApp()

    def client_of(message: Message, context: Context) -> int:
        client = int(context.node_config["partition-id"])
        if client in (fails or {}).get(int(wire.config_of(message)[wire.ROUND]), ()):
            raise ValueError("loss is nan (step 3)")
        return client

    @app.query()
    def identify(message: Message, context: Context) -> Message:
        return wire.reply(message, {wire.CLIENT: int(context.node_config["partition-id"])})

    @app.train()
    def train(message: Message, context: Context) -> Message:
        client = client_of(message, context)
        arrays = {name: (array + client + 1).astype(array.dtype) for name, array in wire.arrays_of(message).items()}
        metrics = {
            wire.NUM_EXAMPLES: client + 1, "loss": float(client), "accuracy": 10.0 * client,
            "steps": 1, "images": 2 * (client + 1), "seconds": 0.5,
        }  # fmt: skip
        if moves:
            metrics[wire.UPDATE_NORM] = relative_distance(arrays, wire.arrays_of(message))
        if wire.config_of(message)[wire.EVALUATE]:
            metrics |= scores(client)
        return wire.reply(message, metrics, arrays)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        return wire.reply(message, scores(client_of(message, context)))

    return app


def scores(client: int) -> dict[str, float]:
    """Client i scores i points more than SCORES."""
    points = {name: value + client if name not in ("queries", "skipped") else value for name, value in SCORES.items()}
    return points | {"evaluation-seconds": 0.25}


def federation(run_dir: Path, app: ClientApp) -> Federation:
    """A federation of these clients on the serial grid, with a prepared run's data and starting model."""
    return Federation(Setup.open(run_dir), SerialGrid(app, 3), Progress())
