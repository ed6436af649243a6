"""What a worker of the parallel engine gets in one call: messages that carry the same model, and how many of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flwr.app import ArrayRecord, Message, RecordDict

from fedreid import wire
from fedreid.simulation.ray_worker import Task

BATCH_SECONDS = 0.2  # small clients travel together, so that Ray's cost for a call is paid once for so much work
BATCH_BYTES = 32 << 20  # but not more updates than this at once


class Model(NamedTuple):
    """A record of arrays in the object store."""

    key: str
    boxed: list[Any]  # its reference, if there is one: Ray would fetch a bare reference on every call


NO_MODEL = Model("", [])


@dataclass
class Batch:
    """Some consecutive messages that one worker gets in one call; all carry the same model, or none."""

    first: int
    messages: Sequence[Message]
    model: Model
    attempts: int = 0

    def tasks(self) -> list[Task]:
        """The messages as they travel, without the model. Messages with one content have one object for the rest."""
        rests = {id(message.content): _rest(message.content) for message in self.messages}
        return [_task(message, rests[id(message.content)]) for message in self.messages]

    def singly(self, attempts: int) -> list[Batch]:
        """Each message by itself."""
        return [
            Batch(self.first + offset, [message], self.model, attempts) for offset, message in enumerate(self.messages)
        ]


def batch_size(messages: Sequence[Message], start: int, *, seconds_per_client: float, workers: int) -> int:
    """How many messages from `start` on go to one of so many workers; one, while nothing is known of their time."""
    if not seconds_per_client:
        return 1
    by_time = int(BATCH_SECONDS / seconds_per_client)
    fair = -(-(len(messages) - start) // (2 * workers))  # towards the end, everyone gets a share
    return max(1, min(by_time, affordable(messages, start), fair))


def affordable(messages: Sequence[Message], start: int) -> int:
    """How many updates of this message's size may be held at once."""
    model = model_of(messages[start])
    return BATCH_BYTES // max(1, 0 if model is None else wire.count_bytes(model))


def of_one_model(messages: Sequence[Message], start: int, size: int) -> list[Message]:
    """The messages from `start` on, `size` at most, that carry the record that the first of them carries."""
    record = model_of(messages[start])
    return list(itertools.takewhile(lambda message: model_of(message) is record, messages[start : start + size]))


def model_of(message: Message) -> ArrayRecord | None:
    """The model that a message carries, if it carries one."""
    return wire.model_of(message) if wire.ARRAYS in message.content else None


def _rest(content: RecordDict) -> RecordDict:
    """All but the model."""
    return RecordDict({name: record for name, record in content.items() if name != wire.ARRAYS})


def _task(message: Message, rest: RecordDict) -> Task:
    meta = message.metadata
    return Task(meta.dst_node_id, meta.message_id, meta.message_type, meta.group_id, rest)
