"""What a user is told of who has which part of the network."""

from __future__ import annotations

import pytest

from fedreid.pruning.channel_map import ChannelMap
from fedreid.pruning.prefixes import prefix_map
from fedreid.pruning.tiers import Tier, Tiers
from server.tier_lines import ALL_WHOLE, NOBODYS, lines

FULL = ChannelMap("resnet10", {"a": 8}, {"a": tuple(range(8))})


def tiers(*of_client: int, come_last: bool = False) -> Tiers:
    parts = tuple(Tier(f"{share:g}", share, prefix_map(FULL, share), {}) for share in (1.0, 0.5, 0.25))
    return Tiers(parts, of_client, come_last=come_last)


@pytest.mark.parametrize(
    ("found", "participants", "expected"),
    [
        (tiers(0, 1, 1), (), ["tiers: 1: client 0; 0.5: clients 1, 2; 0.25: nobody"]),
        (tiers(0, 1, 2), (1, 2), ["tiers: 1: client 0; 0.5: client 1; 0.25: client 2", NOBODYS]),
        (tiers(2, 2), (), ["tiers: 1: nobody; 0.5: nobody; 0.25: clients 0, 1", NOBODYS]),
        (tiers(2, 2, come_last=True), (), ["tiers: 1: nobody; 0.5: nobody; 0.25: clients 0, 1"]),
        (tiers(*[0] * 9), (), ["tiers: 1: 9 clients; 0.5: nobody; 0.25: nobody", ALL_WHOLE]),
    ],
)
def test_each_tier_is_told_with_its_clients(found: Tiers, participants: tuple[int, ...], expected: list[str]) -> None:
    assert list(lines(found, participants)) == expected


def test_parts_of_clients_own_are_told_by_their_share() -> None:
    own = (Tier("0.5-client-000", 0.5, prefix_map(FULL, 0.5), {}), Tier("1", 1.0, FULL, {}),
           Tier("0.5-client-002", 0.5, prefix_map(FULL, 0.4), {}))  # fmt: skip
    assert list(lines(Tiers(own, (0, 1, 2)), ())) == ["tiers: 1: client 1; 0.5: clients 0, 2"]
