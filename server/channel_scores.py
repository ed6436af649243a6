"""Ask the clients what their images say about channels, before the first round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flwr.app import Message

from fedreid import wire
from fedreid.errors import RunError
from fedreid.training.device import torch_threads
from server.tiers import make_tiers, mean_scores

if TYPE_CHECKING:
    from server.rounds import Federation

STAGE = "scoring channels"


def ask_for_tiers(federation: Federation) -> None:
    """One query to every client, and RUN/tiers from the answers: one number for each channel leaves a client.

    Raises:
        RunError: nobody answered; or, where each client has its own map, somebody didn't.
        UserError: tiers that can't be reached, or budgets that no tier fits.
    """
    setup, everyone = federation.setup, range(federation.data.num_clients)
    nodes = {client: node for node, client in federation.clients.items()}
    content = wire.instruction(wire.to_record(federation.model.start_arrays), str(setup.run_dir), 0)
    messages = [Message(content, dst_node_id=nodes[client], message_type=wire.SCORES) for client in everyone]
    federation.progress.stage(STAGE, 0, len(messages))
    scores, weights = [], []
    replies = federation.answers(federation.grid.send_and_receive(messages), 0, STAGE, lambda *_: None)
    for done, answer in enumerate(replies, start=1):
        scores.append({name: values.copy() for name, values in wire.channel_scores_of(answer).items()})
        weights.append(wire.metrics_of(answer)[wire.NUM_EXAMPLES])
        federation.progress.stage(STAGE, done, len(messages))
    is_local = setup.scenario.pruning.scores == "local"
    if not scores or (is_local and len(scores) < len(messages)):
        raise RunError(f"{len(scores)} of {len(messages)} clients scored channels: there is no map for the others.")
    own = [mean_scores([mine], [1.0]) for mine in scores] if is_local else [mean_scores(scores, weights)]
    with torch_threads(setup.scenario.runtime.server_threads):
        make_tiers(setup, own).save(setup.run_dir)
