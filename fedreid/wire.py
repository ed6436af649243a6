"""What crosses between server and clients: names in a message, arrays without copies, and the list of what may leave.

The only module below `simulation` that knows both sides; `server` and `clients` import it, never each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict

from fedreid.errors import RunError
from fedreid.models.flat import FlatArrays, Layout

ARRAYS = "arrays"  # Flower's own strategies use these three names too
CONFIG = "config"
METRICS = "metrics"
NUM_EXAMPLES = "num-examples"
ROUND = "server-round"
RUN_DIR = "run-dir"
EVALUATE = "evaluate"
CLIENT = "client"
WEIGHT = "weight"  # of a client's update in the mean; its number of images unless a method says otherwise
UPDATE_NORM = "update_norm"  # how far training moved the shared weights, in percent of their length
LOCAL_ONLY = "train.local_only"
ADAPT = "train.adaptation"
ADAPTATION = "adaptation"  # which one
OPEN_SET = "open-set"  # verify and identify as well
PUBLIC_PROXIES = "public_proxies"  # Phi, the array beside the backbone's
PRIVATE_PROXIES = "private-proxies"  # a record of its own: FedFace alone sends it
PROXIES = "proxies"  # the one array in it
SHARES_PRIVATE_PROXIES = "shares-private-proxies"
TIER = "tier"  # place of the client's sub-network among the tiers
MAP = "map"  # its map's digest: what the arrays of a message are a slice by
SUB_NETWORK = "sub-network"  # a record of a reply: the tier, map and round that its arrays belong to
SCORES = "query.channel_scores"
CHANNEL_SCORES = "channel-scores"  # a record of the reply to that: one number for each channel group and channel

# What a client says of its hard negatives: images kept, identities among them, and the kept share in percent.
HARD_NEGATIVES = ("hard_negatives", "hard_negative_identities", "hard_negative_share")
RANKING_METRICS = ("mAP", "rank1", "rank5", "rank10", "mINP", "queries", "skipped")
LOCAL_MODEL = "local_model:"  # prefix of scores of Theta_i where the personalized model is [Theta_i, Pi_i]
ACCURACY = "accuracy"  # of pairs of faces
OPEN_SET_COUNTS = ("genuine_pairs", "impostor_pairs", "mated_probes", "non_mated_probes")
OPEN_SET_PREFIXES = ("TAR@FAR=", "TPIR@FPIR=")
# Every scalar a client may report. A name that isn't here doesn't leave, whatever a method puts into its reply.
ALLOWED_METRICS = frozenset(
    {NUM_EXAMPLES, CLIENT, WEIGHT, UPDATE_NORM, "loss", ACCURACY, "steps", "images", "seconds", "evaluation-seconds"}
    | {*HARD_NEGATIVES, *RANKING_METRICS, *OPEN_SET_COUNTS}
)
MOST_REASON = 500  # characters of an error that travel
# Local-only models are scored on generic test sets as well (the dataset's name follows the second colon), and models
# with a personalized branch also without it.
PREFIX = re.compile(rf"{LOCAL_MODEL}|generic:(?=[^:]+:)")


class PrivacyError(RunError):
    """A reply that carries something a client must keep to itself."""


class NumpyArray(Array):
    """A Flower array that keeps its numpy array as it is.

    Flower serialises every array into bytes on construction, which costs two copies of the model for each client and
    round. Our grids pass numpy arrays by reference (serial) or through shared memory (Ray); the bytes are made only
    when Flower's own engine asks for them.
    """

    def __init__(self, ndarray: np.ndarray) -> None:
        self.__dict__.update(dtype=ndarray.dtype.name, shape=ndarray.shape, stype="numpy.ndarray", ndarray=ndarray)

    @property
    def data(self) -> bytes:  # type: ignore[override]
        return Array(self.__dict__["ndarray"]).data

    def numpy(self) -> np.ndarray:
        """The array itself, not a copy; read-only where it came through shared memory."""
        return self.__dict__["ndarray"]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_numpy_array, (self.__dict__["ndarray"],))  # not the class: its name is taken, see below


def _numpy_array(ndarray: np.ndarray) -> NumpyArray:
    return NumpyArray(ndarray)


# Flower writes the class name in front of the bytes and reads it back as its own Array.
NumpyArray.__qualname__ = "Array"


class FlatRecord(ArrayRecord):
    """A record whose arrays are views of one block of memory, and which crosses between processes as that block."""

    def __init__(self, arrays: FlatArrays) -> None:
        super().__init__()
        self.__dict__["flat"] = arrays
        # Flower checks each item that is set; a thousand clients with dozens of arrays each would feel it.
        dtype = arrays.block.dtype.name
        self.__dict__["_data"] = {name: _as_array(view, dtype) for name, view in arrays.views.items()}

    def __setitem__(self, key: str, value: Array) -> None:
        self.__dict__["flat"] = None  # no longer the whole truth
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.__dict__["flat"] = None
        super().__delitem__(key)

    def __reduce__(self) -> tuple[Any, ...]:
        flat = self.__dict__["flat"]
        if flat is None:
            return (_array_record, (dict(self.items()),))
        return (_flat_record, (flat.layout, flat.block))


def _as_array(view: np.ndarray, dtype: str) -> NumpyArray:
    """`NumpyArray(view)`, for whom the name of the type is known: numpy takes a while to say it."""
    array = NumpyArray.__new__(NumpyArray)
    array.__dict__.update(dtype=dtype, shape=view.shape, stype="numpy.ndarray", ndarray=view)
    return array


def _flat_record(layout: Layout, block: np.ndarray) -> FlatRecord:
    return FlatRecord(FlatArrays(layout, block))


def _array_record(items: dict[str, Array]) -> ArrayRecord:
    return ArrayRecord(items)


def flat_of(record: ArrayRecord) -> FlatArrays | None:
    """The block of a record that has one."""
    return record.__dict__.get("flat")


# Flower names a record's class when it serialises it, and knows its own only.
FlatRecord.__qualname__ = "ArrayRecord"


def to_record(arrays: Mapping[str, np.ndarray]) -> ArrayRecord:
    """Arrays by name -> a record that shares their memory."""
    if isinstance(arrays, FlatArrays):
        return FlatRecord(arrays)
    record = ArrayRecord()
    for name, array in arrays.items():  # the constructor would turn each one into bytes
        record[name] = NumpyArray(array)
    return record


def to_arrays(record: ArrayRecord) -> Mapping[str, np.ndarray]:
    """A record -> arrays by name; no copy when the record came from `to_record`."""
    flat = flat_of(record)
    if flat is not None:
        return flat
    return {name: array.numpy() for name, array in record.items()}


def count_bytes(record: ArrayRecord) -> int:
    """Bytes of the array values on the wire, without names and headers."""
    flat = flat_of(record)
    if flat is not None:
        return flat.layout.values * flat.block.itemsize
    return sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in record.values())


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
