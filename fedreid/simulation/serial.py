"""The reference engine: clients one after another in this process. A debugger sees everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flwr.app import Message
from flwr.clientapp import ClientApp

from fedreid.progress import Progress
from fedreid.simulation.execute import execute, torch_threads
from fedreid.simulation.grid import LocalGrid, client_context


class SerialGrid(LocalGrid):
    """Runs each message's client when its reply is asked for."""

    def __init__(
        self, app: ClientApp, num_clients: int, *, threads_per_client: int = 1, progress: Progress | None = None
    ) -> None:
        super().__init__(num_clients, progress)
        self.app, self.threads_per_client = app, threads_per_client
        self._contexts = {node: client_context(node, num_clients) for node in self.get_node_ids()}

    def _stream(self, messages: Sequence[Message]) -> Iterator[Message]:
        for message in messages:
            self._tell_start(message)
            with torch_threads(self.threads_per_client):
                answer = execute(self.app, message, self._contexts[message.metadata.dst_node_id])
            yield answer
