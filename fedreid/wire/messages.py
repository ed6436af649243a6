"""What is in a message, by name, and the answers to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict

from fedreid.wire.arrays import count_bytes, to_arrays, to_record
from fedreid.wire.names import (
    ARRAYS,
    CHANNEL_SCORES,
    CONFIG,
    METRICS,
    PRIVATE_PROXIES,
    PROXIES,
    ROUND,
    RUN_DIR,
    SUB_NETWORK,
)  # fmt: skip

MOST_REASON = 500  # characters of an error that travel


def bytes_of(message: Message) -> int:
    """Bytes of all arrays in a message."""
    records = (record for _, record in message.content.items())
    return sum(count_bytes(record) for record in records if isinstance(record, ArrayRecord))


def model_of(message: Message) -> ArrayRecord:
    """The record of arrays that a message carries.

    Not by `content.array_records`: Flower's views refer to themselves, so the content and its arrays would stay in
    memory until Python's garbage collector happens to come by.
    """
    return cast(ArrayRecord, message.content[ARRAYS])


def arrays_of(message: Message) -> Mapping[str, np.ndarray]:
    """The arrays that a message carries, by name."""
    return to_arrays(model_of(message))


def metrics_of(message: Message) -> dict[str, float]:
    """The scalars that a reply carries, by name."""
    values = cast(MetricRecord, message.content[METRICS]).items()  # not by a view, see `model_of`
    return {name: value for name, value in values if isinstance(value, int | float)}  # lists: see `check_reply`


def config_of(message: Message) -> dict[str, Any]:
    """The settings that an instruction carries, by name."""
    return dict(cast(ConfigRecord, message.content[CONFIG]))


def instruction(arrays: ArrayRecord | None, run_dir: str, server_round: int, **config: Any) -> RecordDict:
    """The content of one round's messages; every message of a round shares it."""
    content = RecordDict({CONFIG: ConfigRecord({RUN_DIR: run_dir, ROUND: server_round, **config})})
    if arrays is not None:
        content[ARRAYS] = arrays
    return content


def private_proxies_of(message: Message) -> np.ndarray | None:
    """The (identities, dim) class proxies of one client; FedFace alone sends them, both ways."""
    record = message.content.get(PRIVATE_PROXIES)
    return None if record is None else to_arrays(cast(ArrayRecord, record))[PROXIES]


def sub_network_of(message: Message) -> dict[str, Any]:
    """TIER, MAP and ROUND of a reply's arrays; {} where it says nothing of them."""
    record = message.content.get(SUB_NETWORK)
    return {} if record is None else dict(cast(ConfigRecord, record))


def channel_scores_of(message: Message) -> Mapping[str, np.ndarray]:
    """The scores that a client sent in answer to SCORES."""
    return to_arrays(cast(ArrayRecord, message.content[CHANNEL_SCORES]))


def reply(
    message: Message,
    metrics: Mapping[str, float],
    arrays: Mapping[str, np.ndarray] | None = None,
    *,
    private_proxies: np.ndarray | None = None,
    sub_network: Mapping[str, str | int] | None = None,
    channel_scores: Mapping[str, np.ndarray] | None = None,
) -> Message:
    """A client's answer: scalars, and arrays of the names it was sent.

    Args:
        private_proxies: FedFace only.
        sub_network: TIER, MAP and ROUND of the arrays, where clients have parts of the network.
        channel_scores: in answer to SCORES only, (width,) of each channel group.
    """
    content = RecordDict({METRICS: MetricRecord(dict(metrics))})
    if arrays is not None:
        content[ARRAYS] = to_record(arrays)
    if private_proxies is not None:
        content[PRIVATE_PROXIES] = to_record({PROXIES: private_proxies})
    if sub_network is not None:
        content[SUB_NETWORK] = ConfigRecord(dict(sub_network))
    if channel_scores is not None:
        content[CHANNEL_SCORES] = to_record(channel_scores)
    return Message(content, reply_to=message)


def error_reply(message: Message, error: Exception) -> Message:
    """The answer of a client that failed; its cause travels, in one line, its data doesn't."""
    cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return Message(Error(code=0, reason=cause[:MOST_REASON]), reply_to=message)
