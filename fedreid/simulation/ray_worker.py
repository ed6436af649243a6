"""The long-lived Ray actor that plays clients. Ray is not imported here: the driver turns the class into an actor."""

from __future__ import annotations

import importlib
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flwr.app import ArrayRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp

from fedreid import wire
from fedreid.simulation.execute import execute
from fedreid.simulation.grid import client_context, identify_process


class Task(NamedTuple):
    """One message without its model, which the worker already has."""

    node_id: int
    message_id: str
    message_type: str
    group_id: str
    rest: RecordDict


class Result(NamedTuple):
    """A client's reply without the metadata that the driver can add again."""

    content: RecordDict | None
    error: str
    seconds: float


class ClientWorker:
    """Plays one client after another; model, images and code stay loaded.

    Args:
        app: "module:attribute" of the ClientApp.
        num_clients: nodes of the federation.
    """

    def __init__(self, app: str, num_clients: int) -> None:
        os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
        identify_process()
        module, _, attribute = app.partition(":")
        self.app: ClientApp = getattr(importlib.import_module(module), attribute)
        self.num_clients = num_clients
        self._contexts: dict[int, Context] = {}
        self._model_key = ""
        self._model: ArrayRecord | None = None

    def missing(self, folders: Sequence[str]) -> tuple[str, str, list[str]]:
        """This node's name, what else it is known by (one machine may be two nodes), and what it doesn't see."""
        import ray

        node_id = ray.get_runtime_context().get_node_id()
        known_as = f"address {ray.util.get_node_ip_address()}, Ray id {node_id[:8]}"
        return platform.node(), known_as, [folder for folder in folders if not Path(folder).exists()]

    def process_id(self) -> int:
        return os.getpid()

    def run(self, key: str, boxed_model: Sequence[Any], tasks: Sequence[Task]) -> list[Result]:
        """Play the clients of these tasks. All share one model, fetched once for each `key`, or have none.

        Args:
            boxed_model: a list around the object's reference; Ray would fetch a bare reference on every call.
        """
        if key != self._model_key:
            self._model_key, self._model = key, _fetch(boxed_model[0]) if boxed_model else None
        # Tasks that were sent the same have the same object here: its record is put together once.
        rests = {id(task.rest): task.rest for task in tasks}
        contents = {number: whole(rest, self._model) for number, rest in rests.items()}
        return [self._play(task, contents[id(task.rest)]) for task in tasks]

    def _play(self, task: Task, content: RecordDict) -> Result:
        started = time.perf_counter()
        message = rebuild(task, content)
        if task.node_id not in self._contexts:
            self._contexts[task.node_id] = client_context(task.node_id, self.num_clients)
        answer = execute(self.app, message, self._contexts[task.node_id])
        seconds = time.perf_counter() - started
        if answer.has_error():
            return Result(None, answer.error.reason or "", seconds)
        return Result(answer.content, "", seconds)


def whole(rest: RecordDict, model: ArrayRecord | None) -> RecordDict:
    """A message's content."""
    return rest if model is None else RecordDict({wire.ARRAYS: model, **rest})


def rebuild(task: Task, content: RecordDict) -> Message:
    """The message that the driver meant."""
    message = Message(content, dst_node_id=task.node_id, message_type=task.message_type, group_id=task.group_id)
    message.metadata.__dict__["_message_id"] = task.message_id
    return message


def answer_of(message: Message, result: Result) -> Message:
    """The reply that the client gave."""
    if result.content is None:
        return Message(Error(code=0, reason=result.error), reply_to=message)
    return Message(result.content, reply_to=message)


def _fetch(reference: Any) -> ArrayRecord:
    import ray  # only ever runs inside a Ray worker

    return ray.get(reference)
