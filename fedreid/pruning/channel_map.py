"""A map of kept channels: what of a full network a sub-network is made of.

It names the channels that each group keeps, always by their numbers in the full network, however many steps of pruning
led there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from fedreid.errors import UserError

FORMAT = 1


@dataclass(frozen=True)
class ChannelMap:
    """The channels that a sub-network keeps of each group; a group that isn't named is kept whole.

    Attributes:
        architecture: of the full network, as `architecture_of` names it.
        widths: channels of each group in the full network.
        kept: for each of these groups the kept channels' numbers in the full network, ascending.

    Raises:
        ValueError: naming the group that lost its last channel, or has a number twice, out of order or out of range.
    """

    architecture: str
    widths: Mapping[str, int]
    kept: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        if set(self.widths) != set(self.kept):
            odd = ", ".join(sorted(set(self.widths) ^ set(self.kept)))
            raise ValueError(f"widths and kept channels must name the same groups; only one of them has {odd}")
        object.__setattr__(self, "widths", {name: int(width) for name, width in self.widths.items()})
        object.__setattr__(self, "kept", {name: tuple(map(int, self.kept[name])) for name in self.widths})
        for name, ids in self.kept.items():
            if not ids:
                raise ValueError(f"group {name} would lose its last channel: at least 1 of {self.widths[name]} stays")
            if any(later <= earlier for earlier, later in pairwise(ids)):
                raise ValueError(f"group {name}: kept channels must ascend, each once")
            if ids[0] < 0 or ids[-1] >= self.widths[name]:
                raise ValueError(
                    f"group {name}: channels are 0 to {self.widths[name] - 1}, found {ids[0]} to {ids[-1]}"
                )

    @property
    def kept_widths(self) -> dict[str, int]:
        """Channels left in each group."""
        return {name: len(ids) for name, ids in self.kept.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of what the map says, in hexadecimal; the order of the groups doesn't matter."""
        return hashlib.sha256(json.dumps(_content(self), sort_keys=True).encode()).hexdigest()

    def compose(self, survivors: Mapping[str, Sequence[int]]) -> ChannelMap:
        """The map after another step of pruning.

        Args:
            survivors: for the groups that change, which of the channels left so far stay: positions among them.

        Raises:
            ValueError: a group that the map doesn't have, or a position that there isn't.
        """
        kept = dict(self.kept)
        for name, positions in survivors.items():
            own = self._own(name, positions)
            kept[name] = tuple(own[int(position)] for position in positions)
        return ChannelMap(self.architecture, self.widths, kept)

    def without(self, removed: Mapping[str, Iterable[int]]) -> ChannelMap:
        """The map after another step of pruning.

        Args:
            removed: for the groups that change, positions (among the channels left so far) of those that go.

        Raises:
            ValueError: a group that the map doesn't have, or a position that there isn't.
        """
        survivors = {}
        for name, gone in removed.items():
            positions = {int(position) for position in gone}
            own = self._own(name, positions)
            survivors[name] = [position for position in range(len(own)) if position not in positions]
        return self.compose(survivors)

    def _own(self, name: str, positions: Iterable[int]) -> tuple[int, ...]:
        if name not in self.kept:
            raise ValueError(f"the map has no group {name}; it has {', '.join(self.kept)}")
        own = self.kept[name]
        wrong = [position for position in positions if not 0 <= position < len(own)]
        if wrong:
            raise ValueError(f"group {name} has {len(own)} channels left: position {wrong[0]} isn't one of them")
        return own

    def save(self, path: Path) -> None:
        """Write it as JSON, with a checksum."""
        path.write_text(json.dumps({**_content(self), "sha256": self.digest}) + "\n")

    @classmethod
    def load(cls, path: Path) -> ChannelMap:
        """Read it back.

        Raises:
            UserError: the file is none of these, of another version, or not what was once written.
        """
        try:
            content = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise UserError(f"{path} does not exist: expected a map of kept channels.") from error
        except (OSError, ValueError) as error:
            raise UserError(f"{path} can't be read as a map of kept channels ({error}).") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            version = content.get("format") if isinstance(content, dict) else None
            raise UserError(f"{path}: expected a map of kept channels of version {FORMAT}, found {version}.")
        try:
            groups = content["groups"]
            widths = {name: entry["width"] for name, entry in groups.items()}
            found = cls(content["architecture"], widths, {name: entry["kept"] for name, entry in groups.items()})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise UserError(f"{path} is no map of kept channels ({error}).") from error
        if content.get("sha256") != found.digest:
            raise UserError(f"{path} was changed or damaged: its checksum doesn't fit its content. Write it again.")
        return found


def _content(channel_map: ChannelMap) -> dict[str, Any]:
    groups = {name: {"width": channel_map.widths[name], "kept": list(ids)} for name, ids in channel_map.kept.items()}
    return {"format": FORMAT, "architecture": channel_map.architecture, "groups": groups}
