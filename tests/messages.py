"""Messages as the server sends them and clients answer them, without a grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from flwr.app import Context, Message, RecordDict

from fedreid import wire
from fedreid.simulation.grid import FIRST_CLIENT_NODE, client_context, identify_process

CLIENTS = 3  # of the tiny scenario


def message(content: RecordDict, message_type: str = "train", client: int = 0) -> Message:
    identify_process()
    return Message(content, dst_node_id=FIRST_CLIENT_NODE + client, message_type=message_type)


def sent(arrays: Mapping[str, np.ndarray], client: int = 0) -> Message:
    """A message with a model in it."""
    return message(RecordDict({wire.ARRAYS: wire.to_record(arrays)}), client=client)


def instruction(
    run_dir: Path,
    arrays: Mapping[str, np.ndarray],
    *,
    server_round: int = 1,
    client: int = 0,
    message_type: str = "train",
    evaluate: bool = False,
) -> Message:
    """What a client of a real run is sent in a round."""
    content = wire.instruction(wire.to_record(arrays), str(run_dir), server_round, **{wire.EVALUATE: evaluate})
    return message(content, message_type, client)


def context(client: int = 0) -> Context:
    return client_context(FIRST_CLIENT_NODE + client, CLIENTS)
