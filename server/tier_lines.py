"""What a user is told of the tiers before the first round: who has which, and what that means."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from fedreid.pruning.tiers import Tiers

MOST_NAMED = 8  # clients of a tier that are named one by one
ALL_WHOLE = "everybody can afford the whole network: nothing differs from a federation without tiers"
NOBODYS = (
    "no client that takes part trains the whole network: outside their parts it stays as it is, and its own scores are "
    "those of a network that nobody trains"
)


def lines(tiers: Tiers, participants: Collection[int]) -> Iterator[str]:
    """
    Args:
        participants: clients that train; none: all.
    """
    shares = sorted({tier.share for tier in tiers.tiers}, reverse=True)
    everyone = range(len(tiers.of_client))
    found = {share: [client for client in everyone if tiers.tier(client).share == share] for share in shares}
    yield "tiers: " + "; ".join(f"{share:g}: {_names(clients)}" for share, clients in found.items())
    if tiers.is_trivial:
        yield ALL_WHOLE
    elif not tiers.come_last and not any(tiers.tier(client).is_whole for client in participants or everyone):
        yield NOBODYS


def _names(clients: list[int]) -> str:
    if not clients:
        return "nobody"
    if len(clients) > MOST_NAMED:
        return f"{len(clients):,} clients"
    return ("client " if len(clients) == 1 else "clients ") + ", ".join(map(str, clients))
