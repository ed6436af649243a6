"""Which node plays which client, and why a node failed."""

from __future__ import annotations

from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from fedreid import wire
from fedreid.errors import RunError


def cause_of(answer: Message) -> str:
    """Why a client failed: our grids send one line, Flower's own engine a whole traceback that ends in it."""
    lines = [line for line in (answer.error.reason or "unknown").strip().splitlines() if line.strip()]
    return lines[-1].strip()


def discover(grid: Grid, run_dir: str, num_clients: int) -> dict[int, int]:
    """Ask every node which client it plays: client -> node.

    Raises:
        RunError: fewer nodes than clients, naming both numbers; a node that failed.
    """
    content = wire.instruction(None, run_dir, 0)
    messages = [Message(content, dst_node_id=node, message_type=MessageType.QUERY) for node in grid.get_node_ids()]
    nodes: dict[int, int] = {}
    for answer in grid.send_and_receive(messages):
        if answer.has_error():
            raise RunError(f"node {answer.metadata.src_node_id} can't take part: {cause_of(answer)}")
        nodes[int(answer.content[wire.METRICS][wire.CLIENT])] = answer.metadata.src_node_id  # type: ignore[index,arg-type]
    missing = [client for client in range(num_clients) if client not in nodes]
    if missing:
        raise RunError(
            f"the federation has {num_clients} clients, but only {len(nodes)} nodes are connected: "
            f"client {missing[0]} has none."
        )
    return {client: nodes[client] for client in range(num_clients)}
