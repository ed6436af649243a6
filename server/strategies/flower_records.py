"""Models in the form that Flower's own strategies take and give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from flwr.app import ArrayRecord, Message, MessageType, MetricRecord, RecordDict

from fedreid import wire
from fedreid.models.flat import FlatArrays
from fedreid.models.sharing import STATISTICS

LOSS = "loss"


class LentRecord(ArrayRecord):
    """Arrays for Flower's strategies, which may empty the record and write into its arrays.

    Flower turns every array into bytes to count them, and collects garbage after each record, when it empties one.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        for name, array in arrays.items():
            self[name] = wire.NumpyArray(array)

    def to_numpy_ndarrays(self, *, keep_input: bool = True) -> list[np.ndarray]:
        """The arrays, in order; without `keep_input` the record is empty afterwards."""
        arrays = [array.numpy() for array in self.values()]
        if not keep_input:
            self.clear()
        return arrays


def reply_with(arrays: Mapping[str, np.ndarray], weight: float, loss: float, client: int) -> Message:
    """A reply that carries what Flower's strategies look for, and nothing else."""
    metrics = MetricRecord({wire.NUM_EXAMPLES: weight, LOSS: loss, wire.CLIENT: client})
    content = RecordDict({wire.ARRAYS: LentRecord(arrays), wire.METRICS: metrics})
    return Message(content, dst_node_id=0, message_type=MessageType.TRAIN)


def emptied(replies: Iterable[Message]) -> None:
    """Let go of the arrays: Flower's views of a reply refer to themselves and outlive it (see `wire.model_of`)."""
    for reply in replies:
        wire.model_of(reply).clear()


def is_statistic(name: str) -> bool:
    """Whether an array is a running mean or variance of BatchNorm: measured, not learnt."""
    return name.rpartition(".")[2] in STATISTICS


def is_variance(name: str) -> bool:
    """Whether an array is a running variance, which must not be negative."""
    return name.rpartition(".")[2] == STATISTICS[1]


def with_result(template: Mapping[str, np.ndarray], result: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The arrays of `template`, those named in `result` replaced; in its types, order and block of memory.

    Flower's strategies give arrays by themselves, some of them in float64.
    """
    arrays = {
        name: result[name].astype(old.dtype, copy=False) if name in result else old for name, old in template.items()
    }
    if not isinstance(template, FlatArrays):
        return arrays
    block = FlatArrays(template.layout, np.zeros_like(template.block))
    for name, array in arrays.items():
        block[name][...] = array
    return block
