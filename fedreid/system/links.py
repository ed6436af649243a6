"""The catalogue of links: how fast messages travel, by a link's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fedreid.catalogue import entry_named, read_catalogue

CATALOGUE = Path(__file__).with_name("links.toml")
BITS = 8  # of a byte


@dataclass(frozen=True)
class Link:
    """A connection between a client and the server; `links.toml` says where the figures are from.

    Attributes:
        title: for tables.
        down_mbps: 10^6 bits a second to the client.
        up_mbps: 10^6 bits a second from the client.
        latency_ms: milliseconds before a message begins to arrive.
    """

    title: str
    down_mbps: float
    up_mbps: float
    latency_ms: float

    def down_seconds(self, size: float) -> float:
        """Seconds for a message of `size` bytes to the client."""
        return self._seconds(size, self.down_mbps)

    def up_seconds(self, size: float) -> float:
        """Seconds for a message of `size` bytes from the client."""
        return self._seconds(size, self.up_mbps)

    def _seconds(self, size: float, mbps: float) -> float:
        return self.latency_ms / 1e3 + BITS * size / (mbps * 1e6)


@cache
def links() -> Mapping[str, Link]:
    """All links of the catalogue, by name."""
    return read_catalogue(CATALOGUE, Link)


def link_named(name: str) -> Link:
    """One of them.

    Raises:
        UserError: there is none of this name.
    """
    return entry_named(links(), name, key="system.profiles", kind="link")
