"""The Flower ClientApp: who am I, train, evaluate, and train alone as a reference. Thin: methods do the work."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import numpy as np
from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from clients.channel_scores import channel_scores
from clients.client import Client
from clients.evaluation import generic_metrics, personalized_metrics
from clients.methods import ADAPTATIONS, METHODS
from clients.methods.fedavg import fedavg
from clients.mods import allow_list, fixed_threads
from clients.other_maps import changes_maps, in_current_map
from clients.state import PrivateState
from clients.training import check_finite
from clients.workspace import Workspace, workspace
from fedreid import wire
from fedreid.models.distance import relative_distance
from fedreid.models.sharing import copy_arrays
from fedreid.training import TrainingStats

app = ClientApp(mods=[allow_list, fixed_threads])


@app.query()
def identify(message: Message, context: Context) -> Message:
    """Which client of the federation this node plays."""
    return wire.reply(message, {wire.CLIENT: client_index(context)})


@app.query("channel_scores")
def score_channels(message: Message, context: Context) -> Message:
    """What the client's images say about each channel of the starting model, before the first round."""
    client, _ = _open(message, context)
    return wire.reply(message, {wire.NUM_EXAMPLES: len(client.images)}, channel_scores=channel_scores(client))


@app.train()
def train(message: Message, context: Context) -> Message:
    """One local round: receive, train, evaluate on the client's own people if asked, keep the private state."""
    client, private = _open(message, context)
    stats = METHODS[client.settings.method.name](client)
    check_finite(client.workspace.shared, stats)
    update = copy_arrays(client.workspace.shared) if client.update is None else client.update
    metrics = training_metrics(stats, len(client.images)) | client.reported | drift(update, client.received)
    config = wire.config_of(message)
    if config[wire.EVALUATE]:
        metrics |= _timed_evaluation(client, open_set=bool(config.get(wire.OPEN_SET)))
    private.save(client.round, client.state | client.workspace.private)
    sub_network = {key: config[key] for key in (wire.TIER, wire.MAP, wire.ROUND)} if wire.TIER in config else None
    return wire.reply(message, metrics, update, private_proxies=client.sent_proxies, sub_network=sub_network)


@app.train("local_only")
def train_local_only(message: Message, context: Context) -> Message:
    """The reference without a federation: start from the same model, train alone for as many epochs, evaluate."""
    client, _ = _open(message, context)
    client.state = {}
    stats = fedavg(client, epochs=client.settings.average_epochs(client.workspace.data.num_clients))
    metrics = training_metrics(stats, len(client.images)) | generic_metrics(client)
    return wire.reply(message, metrics | _timed_evaluation(client, open_set=_is_open_set(client)))


@app.train("adaptation")
def train_adaptation(message: Message, context: Context) -> Message:
    """The second stage of two-stage personalization: go on from the final global model, alone; evaluate."""
    client, _ = _open(message, context)
    stats = ADAPTATIONS[str(wire.config_of(message)[wire.ADAPTATION])](client)
    metrics = training_metrics(stats, len(client.images))
    return wire.reply(message, metrics | _timed_evaluation(client, open_set=_is_open_set(client)))


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """The received model on the client's own people."""
    client, private = _open(message, context)
    if client.round > client.settings.federation.rounds:  # the final model is on the disk, as all rounds are
        private.drop_needless(client.settings.federation.rounds)
    open_set = bool(wire.config_of(message).get(wire.OPEN_SET))
    metrics = _timed_evaluation(client, open_set=open_set, as_received=True)
    return wire.reply(message, {wire.NUM_EXAMPLES: len(client.images), **metrics})


def client_index(context: Context) -> int:
    """The node's number in the federation, from `node_config` (Flower's own simulation sets it too)."""
    return int(context.node_config["partition-id"])


def training_metrics(stats: TrainingStats, num_examples: int) -> dict[str, float]:
    """What a client reports of its training."""
    return {
        wire.NUM_EXAMPLES: num_examples,
        "loss": stats.loss,
        "accuracy": 100 * stats.accuracy,
        "steps": stats.steps,
        "images": stats.images,
        "seconds": stats.seconds,
    }


def drift(update: Mapping[str, np.ndarray], received: Mapping[str, np.ndarray]) -> dict[str, float]:
    """How far what is sent back is from what came; {} where that has no length."""
    moved = relative_distance(update, received)
    return {wire.UPDATE_NORM: moved} if math.isfinite(moved) else {}


def _open(message: Message, context: Context) -> tuple[Client, PrivateState]:
    """The client of this message, with the received model loaded and its private state read."""
    config = wire.config_of(message)
    space: Workspace = workspace(str(config[wire.RUN_DIR]))
    index, server_round = client_index(context), int(config[wire.ROUND])
    if wire.TIER in config:
        space = space.in_tier(int(config[wire.TIER]), server_round, str(config[wire.MAP]))
    private = PrivateState(space.run_dir, index, keep=space.scenario.runtime.keep_checkpoints)
    state, received = private.load(server_round), wire.arrays_of(message)
    if changes_maps(space.scenario.pruning):
        state = in_current_map(state, private.newest(server_round), space, index, server_round, received)
    model = space.receive(received, state)
    given = wire.private_proxies_of(message)
    return Client(index, server_round, space, model, received, state, given_proxies=given), private


def _is_open_set(client: Client) -> bool:
    return client.settings.evaluation.open_set != "never"


def _timed_evaluation(client: Client, *, open_set: bool, as_received: bool = False) -> dict[str, float]:
    started = time.perf_counter()
    metrics = personalized_metrics(client, open_set=open_set, as_received=as_received)
    return metrics | {"evaluation-seconds": time.perf_counter() - started}
