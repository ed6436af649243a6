"""The reference engine: clients one after another in this process. A debugger sees everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flwr.app import Message
from flwr.clientapp import ClientApp

from fedreid.progress import Progress
from fedreid.simulation.execute import execute
from fedreid.simulation.grid import LocalGrid, client_context


class SerialGrid(LocalGrid):
    """Runs each message's client when its reply is asked for."""

    def __init__(self, app: ClientApp, num_clients: int, progress: Progress | None = None) -> None:
        super().__init__(num_clients, progress)
        self.app = app
        self._contexts = {node: client_context(node, num_clients) for node in self.get_node_ids()}

    def _stream(self, messages: Sequence[Message]) -> Iterator[Message]:
        for message in messages:
            self._tell_start(message)
            yield execute(self.app, message, self._contexts[message.metadata.dst_node_id])
