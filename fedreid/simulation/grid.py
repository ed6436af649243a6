"""What both engines have in common: nodes, messages and their contexts, behind Flower's Grid interface."""

from __future__ import annotations

import itertools
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence

from flwr.app import Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fedreid.progress import Progress

# Flower's telemetry is of no use to a simulation, and a machine without network waits for it.
os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

RUN_ID = 1
SERVER_NODE = 1
FIRST_CLIENT_NODE = 2


def identify_process(node_id: int = SERVER_NODE) -> None:
    """Give this process the identity that Flower's Message asks for; the one place that knows how."""
    TaskIdentity.task_id = 1
    TaskIdentity.run_id = RUN_ID
    TaskIdentity.node_id = node_id


def client_context(node_id: int, num_clients: int) -> Context:
    """The context of the client that this node plays, as Flower's own simulation fills it."""
    client = node_id - FIRST_CLIENT_NODE
    return Context(
        run_id=RUN_ID,
        node_id=node_id,
        node_config={"partition-id": client, "num-partitions": num_clients},
        state=RecordDict(),
        run_config={},
    )


class LocalGrid(Grid):
    """A grid whose nodes live on this machine or cluster, started and ended with the run.

    Args:
        num_clients: nodes; client i is node i + 2 (node 1 is the server).
        progress: told when a client starts.
    """

    def __init__(self, num_clients: int, progress: Progress | None = None) -> None:
        self.num_clients = num_clients
        self.progress = progress or Progress()
        self._run = Run.create_empty(RUN_ID)
        self._ids = itertools.count(1)
        self._pushed: dict[str, Message] = {}
        identify_process()

    @abstractmethod
    def _stream(self, messages: Sequence[Message]) -> Iterator[Message]:
        """Replies in the order of the messages, each yielded as soon as those before it are there."""

    def close(self) -> None:
        """End the workers, if there are any."""

    def __enter__(self) -> LocalGrid:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_run(self, run: Run) -> None:
        self._run = run

    @property
    def run(self) -> Run:
        return self._run

    def get_node_ids(self) -> Iterable[int]:
        return range(FIRST_CLIENT_NODE, FIRST_CLIENT_NODE + self.num_clients)

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        return Message(content, dst_node_id=dst_node_id, message_type=message_type, group_id=group_id, ttl=ttl)

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Run the messages' clients; replies come lazily and in message order, so that sums are reproducible.

        `timeout` is for networks; nothing here is waited for that isn't being worked on.
        """
        return self._stream([self._numbered(message) for message in messages])

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Keep messages until their replies are pulled."""
        numbered = [self._numbered(message) for message in messages]
        self._pushed |= {message.metadata.message_id: message for message in numbered}
        return [message.metadata.message_id for message in numbered]

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Run the pushed messages of these ids and return their replies."""
        return list(self._stream([self._pushed.pop(key) for key in message_ids if key in self._pushed]))

    def _numbered(self, message: Message) -> Message:
        message.metadata.__dict__["_message_id"] = str(next(self._ids))
        return message

    def _tell_start(self, message: Message) -> None:
        """Let the live view know which client of the round is at work."""
        if message.metadata.message_type == MessageType.TRAIN:
            self.progress.client_started(message.metadata.dst_node_id - FIRST_CLIENT_NODE)
