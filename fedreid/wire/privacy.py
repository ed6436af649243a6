"""The list of what may leave a client, and the check of every reply against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flwr.app import ArrayRecord, ConfigRecord, Message, MetricRecord

from fedreid.errors import RunError
from fedreid.wire.arrays import flat_of
from fedreid.wire.messages import config_of, model_of
from fedreid.wire.names import (
    ACCURACY,
    ARRAYS,
    CHANNEL_SCORES,
    CLIENT,
    HARD_NEGATIVES,
    LOCAL_MODEL,
    MAP,
    METRICS,
    NUM_EXAMPLES,
    OPEN_SET_COUNTS,
    OPEN_SET_PREFIXES,
    PRIVATE_PROXIES,
    PROXIES,
    RANKING_METRICS,
    ROUND,
    SCORES,
    SHARES_PRIVATE_PROXIES,
    SUB_NETWORK,
    TIER,
    UPDATE_NORM,
    WEIGHT,
)  # fmt: skip

# Every scalar a client may report. A name that isn't here doesn't leave, whatever a method puts into its reply.
ALLOWED_METRICS = frozenset(
    {NUM_EXAMPLES, CLIENT, WEIGHT, UPDATE_NORM, "loss", ACCURACY, "steps", "images", "seconds", "evaluation-seconds"}
    | {*HARD_NEGATIVES, *RANKING_METRICS, *OPEN_SET_COUNTS}
)
# Local-only models are scored on generic test sets as well (the dataset's name follows the second colon), and models
# with a personalized branch also without it.
PREFIX = re.compile(rf"{LOCAL_MODEL}|generic:(?=[^:]+:)")


class PrivacyError(RunError):
    """A reply that carries something a client must keep to itself."""


def check_reply(message: Message, answer: Message) -> None:
    """Refuse a reply that carries anything but what section "Privacy" of the architecture allows.

    Arrays must have the names and shapes that the server sent: private proxies, branches and features have neither.
    Metrics must be single numbers of a known name. Private proxies pass only in answer to a message that says that its
    method, FedFace, shares them.

    Raises:
        PrivacyError: naming what tried to leave.
    """
    if answer.has_error():
        return
    sent = model_of(message) if ARRAYS in message.content else ArrayRecord()
    for name, record in answer.content.items():
        if name == METRICS and isinstance(record, MetricRecord):
            _check_metrics(record)
        elif name == ARRAYS and isinstance(record, ArrayRecord):
            _check_arrays(record, sent)
        elif name == PRIVATE_PROXIES and config_of(message).get(SHARES_PRIVATE_PROXIES):
            _check_proxies(record)
        elif name == SUB_NETWORK and isinstance(record, ConfigRecord):
            _check_sub_network(record, config_of(message))
        elif name == CHANNEL_SCORES and message.metadata.message_type == SCORES:
            _check_scores(record)
        else:
            raise PrivacyError(f"record {name} ({type(record).__name__}) must not leave the client")


def _is_allowed(key: str) -> bool:
    """A score with a rate in its name, or one of another model or data set than usual."""
    prefix = PREFIX.match(key)
    name = key[prefix.end() :] if prefix else key
    if prefix and prefix[0] == "generic:":
        name = name.partition(":")[0]
    return name in {*RANKING_METRICS, ACCURACY, *OPEN_SET_COUNTS} or name.startswith(OPEN_SET_PREFIXES)


def _check_proxies(record: object) -> None:
    if not isinstance(record, ArrayRecord) or list(record) != [PROXIES] or len(record[PROXIES].shape) != 2:
        raise PrivacyError(f"record {PRIVATE_PROXIES} must hold one array, {PROXIES}, of shape (identities, dim)")


def _check_sub_network(record: ConfigRecord, sent: Mapping[str, Any]) -> None:
    """It says which slice was trained, which is what the server sent, and nothing else."""
    expected = {key: sent.get(key) for key in (TIER, MAP, ROUND)}
    if dict(record) != expected:
        raise PrivacyError(f"the update belongs to {dict(record)}, the server sent {expected}: it is stale or foreign")


def _check_scores(record: object) -> None:
    if not isinstance(record, ArrayRecord) or any(len(array.shape) != 1 for array in record.values()):
        raise PrivacyError(f"record {CHANNEL_SCORES} must hold one row of numbers for each channel group")


def _check_arrays(record: ArrayRecord, sent: ArrayRecord) -> None:
    ours, theirs = flat_of(record), flat_of(sent)
    is_alike = ours is not None and theirs is not None and ours.layout == theirs.layout
    if is_alike and ours.block.dtype == theirs.block.dtype:  # type: ignore[union-attr]
        return
    for key, array in record.items():
        if key not in sent:
            raise PrivacyError(f"array {key} is not one that the server sent: it must not leave the client")
        if (array.dtype, tuple(array.shape)) != (sent[key].dtype, tuple(sent[key].shape)):
            raise PrivacyError(f"array {key} has shape {tuple(array.shape)}, the server sent {sent[key].shape}")


def _check_metrics(record: MetricRecord) -> None:
    for key, value in record.items():
        if key not in ALLOWED_METRICS and not _is_allowed(key):
            raise PrivacyError(f"metric {key} is not on the list of what a client may report")
        if not isinstance(value, int | float):
            raise PrivacyError(f"metric {key} is a list; only single numbers may leave the client")
