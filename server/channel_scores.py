"""Ask the clients what their images say about channels, before the first round, or when maps are made again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flwr.app import ArrayRecord, Message

from fedreid import wire
from fedreid.errors import RunError
from fedreid.pruning.tier_maps import Scores
from server.tiers import mean_scores

if TYPE_CHECKING:
    from server.rounds import Federation

STAGE = "scoring channels"


def client_scores(federation: Federation, arrays: ArrayRecord, server_round: int) -> Sequence[Scores]:
    """One query to every client that trains; one number for each channel leaves it.

    Where each client has a map of its own, those that are only tested make one, too.

    Args:
        arrays: the whole network as it is.
        server_round: the round that comes next; 0 before the first.

    Returns:
        Each client's scores (`pruning.scores = "local"`), or their mean alone.

    Raises:
        RunError: nobody answered; or, where each client has its own map, somebody didn't.
    """
    setup, is_local = federation.setup, federation.setup.scenario.pruning.scores == "local"
    everyone: Sequence[int] = range(federation.data.num_clients)
    if not is_local:
        everyone = sorted(set(setup.scenario.federation.participants)) or everyone
    nodes = {client: node for node, client in federation.clients.items()}
    content = wire.instruction(arrays, str(setup.run_dir), server_round)
    messages = [Message(content, dst_node_id=nodes[client], message_type=wire.SCORES) for client in everyone]
    federation.progress.stage(STAGE, 0, len(messages))
    scores, weights = [], []
    replies = federation.replies.answers(
        federation.grid.send_and_receive(messages), server_round, STAGE, lambda *_: None
    )
    for done, answer in enumerate(replies, start=1):
        scores.append({name: values.copy() for name, values in wire.channel_scores_of(answer).items()})
        weights.append(wire.metrics_of(answer)[wire.NUM_EXAMPLES])
        federation.progress.stage(STAGE, done, len(messages))
    if not scores or (is_local and len(scores) < len(messages)):
        raise RunError(f"{len(scores)} of {len(messages)} clients scored channels: there is no map for the others.")
    return [mean_scores([mine], [1.0]) for mine in scores] if is_local else [mean_scores(scores, weights)]
