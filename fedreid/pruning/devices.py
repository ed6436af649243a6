"""The catalogue of devices: what a board's memory and speed allow, by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fedreid.catalogue import entry_named, read_catalogue
from fedreid.pruning.costs import BYTES, Costs

CATALOGUE = Path(__file__).with_name("devices.toml")
MEGABYTES = 1000  # of a gigabyte


@dataclass(frozen=True)
class Device:
    """A board or a GPU; `devices.toml` says where the figures are from.

    Attributes:
        title: the maker's name for it.
        memory_gb: gigabytes of memory.
        gflops: peak of float32, in 10^9 operations a second; a multiply-accumulate is two.
        bandwidth_gbs: of its memory, in 10^9 bytes a second.
        watts: at that speed.
    """

    title: str
    memory_gb: float
    gflops: float
    bandwidth_gbs: float
    watts: float

    @property
    def memory_mb(self) -> float:
        return self.memory_gb * MEGABYTES

    def latency_ms(self, costs: Costs) -> float:
        """The least time that one image can take: arithmetic at its peak, or all values through memory once.

        A roofline: real networks stay above it, more so the smaller they are. It ranks networks on one device; for a
        promise, measure there.
        """
        arithmetic = 2 * costs.macs / (self.gflops * 1e9)
        traffic = BYTES * (costs.params + 2 * costs.activations) / (self.bandwidth_gbs * 1e9)  # written, and read
        return 1e3 * max(arithmetic, traffic)


@cache
def catalogue() -> Mapping[str, Device]:
    """All devices, by name."""
    return read_catalogue(CATALOGUE, Device)


def device_named(name: str, key: str = "pruning.budgets") -> Device:
    """One of them.

    Args:
        key: of the setting, for the error.

    Raises:
        UserError: there is none of this name.
    """
    return entry_named(catalogue(), name, key=key, kind="device")
