"""The tiers of a federation: a map and its costs for each, and which client is in which; kept in the run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedreid.atomic import write_atomically
from fedreid.errors import UserError
from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.prefixes import rolled
from fedreid.pruning.tier_history import FOLDER, LIST, folder_in

FORMAT = 1


@dataclass(frozen=True)
class Tier:
    """One sub-network.

    Attributes:
        name: of its files and rows, such as "0.5".
        share: of the whole network's MACs that it was made for.
        channel_map: what it keeps.
        amounts: what it takes: "macs", "params", "memory_mb", "round_mb".
    """

    name: str
    share: float
    channel_map: ChannelMap
    amounts: Mapping[str, float]

    @property
    def is_whole(self) -> bool:
        """Nothing is removed."""
        return all(len(ids) == self.channel_map.widths[name] for name, ids in self.channel_map.kept.items())


@dataclass(frozen=True)
class Tiers:
    """All of them.

    Attributes:
        tiers: the largest first; with maps of clients' own, those of client 0 first.
        of_client: for each client the place of its tier.
        rolls: channels move on by one each round (FedRolex).
        come_last: everybody trains the whole network, and they are cut out of it after the last round.
    """

    tiers: tuple[Tier, ...]
    of_client: tuple[int, ...]
    rolls: bool = False
    come_last: bool = False

    @property
    def is_trivial(self) -> bool:
        """Everybody has the whole network: nothing differs from a federation without tiers."""
        return not self.come_last and all(self.tiers[place].is_whole for place in self.of_client)

    def tier(self, client: int) -> Tier:
        return self.tiers[self.of_client[client]]

    def clients(self, place: int) -> list[int]:
        """Who is in a tier."""
        return [client for client, own in enumerate(self.of_client) if own == place]

    def map_in(self, place: int, server_round: int) -> ChannelMap:
        """A tier's map in a round."""
        channel_map = self.tiers[place].channel_map
        return rolled(channel_map, server_round) if self.rolls else channel_map

    def save(self, run_dir: Path) -> None:
        """Write RUN/tiers/: a map for each tier, then the list, which says that all are there."""
        folder = run_dir / FOLDER
        folder.mkdir(exist_ok=True)
        for tier in self.tiers:
            write_atomically(folder / f"tier-{tier.name}.json", tier.channel_map.save)
        content = {
            "format": FORMAT,
            "rolls": self.rolls,
            "come_last": self.come_last,
            "tiers": [_entry(tier, self.clients(place)) for place, tier in enumerate(self.tiers)],
        }
        text = json.dumps(content, indent=2) + "\n"
        write_atomically(folder / LIST, lambda path: path.write_text(text))

    @classmethod
    def load(cls, run_dir: Path, server_round: int | None = None) -> Tiers | None:
        """Read them back; None where a run has no tiers, or not yet.

        Args:
            server_round: those of this round, where maps were made again since; None: the newest.

        Raises:
            UserError: files of another version, damaged ones, or maps that aren't those of the list.
        """
        path = folder_in(run_dir, server_round) / LIST
        if not path.exists():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != FORMAT:
                raise UserError(f"{path} has version {content['format']}, expected {FORMAT}.")
            tiers = tuple(_read(path.parent, entry) for entry in content["tiers"])
            places = {client: place for place, entry in enumerate(content["tiers"]) for client in entry["clients"]}
            of_client = tuple(places[client] for client in range(len(places)))
            return cls(tiers, of_client, bool(content["rolls"]), bool(content.get("come_last")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} can't be read as a list of tiers: {error!r}.") from error


def tier_names(shares: Sequence[float]) -> list[str]:
    return [f"{share:g}" for share in shares]


def _entry(tier: Tier, clients: list[int]) -> dict[str, Any]:
    return {
        "name": tier.name,
        "share": tier.share,
        "clients": clients,
        "map": tier.channel_map.digest,
        **tier.amounts,
    }


def _read(folder: Path, entry: Mapping[str, Any]) -> Tier:
    path = folder / f"tier-{entry['name']}.json"
    channel_map = ChannelMap.load(path)
    if channel_map.digest != entry["map"]:
        raise UserError(f"{path} is not the map that {folder / LIST} names. Put the right one back.")
    facts = ("name", "share", "clients", "map")
    amounts = {name: float(value) for name, value in entry.items() if name not in facts}
    return Tier(entry["name"], entry["share"], channel_map, amounts)
