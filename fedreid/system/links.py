"""The catalogue of links: how fast messages travel, by a link's name."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fedreid.errors import UserError

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
    return {name: Link(**entry) for name, entry in tomllib.loads(CATALOGUE.read_text(encoding="utf-8")).items()}


def link_named(name: str) -> Link:
    """One of them.

    Raises:
        UserError: there is none of this name.
    """
    known = links()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UserError(f"system.profiles: link = {name!r} is not in the catalogue: {', '.join(known)}.{hint}")
    return known[name]
