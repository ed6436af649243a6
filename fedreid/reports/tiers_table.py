"""The tiers of a federation: what each part of the network costs, and what it reaches."""

from __future__ import annotations

from fedreid.errors import UserError
from fedreid.pruning.tiers import Tier, Tiers
from fedreid.reports.findings import Findings, Generic
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import DASH, count, is_missing, percent
from fedreid.reports.tables import Row, Table, row

LAST = (
    ", with the whole network. Soft pruning saves nothing on the way: everybody trained and sent the whole network in "
    "every round, and the tiers were cut out of it after the last one."
)
MOST_NAMED = 8  # clients of a tier that are named one by one


def tiers_table(run: RunFolder, findings: Findings) -> Table | None:
    """One row for each tier; None where all clients have the whole network."""
    try:
        tiers = Tiers.load(run.path)
    except UserError:  # a report is made of what is there
        return None
    if tiers is None or tiers.is_trivial:
        return None
    ranked = [result for result in findings.generic if result.is_ranked]
    datasets = tuple(f"Generic mAP · {result.dataset}" for result in ranked)
    sent = 2e-6 * run.summary.get("model", {}).get("wire_bytes", 0) if tiers.come_last else None
    rows = tuple(_row(tier, tiers.clients(place), ranked, findings, sent) for place, tier in enumerate(tiers.tiers))
    note = (
        "MACs are for one image; traffic is both ways, of one client in one round. Generic: the tier's part of the "
        "last global model, on people nobody trained on. Personalized: the mean over the tier's clients"
    )
    note += LAST if tiers.come_last else "."
    columns = ("Tier", "Clients", "MACs", "Parameters", "MB per round", *datasets, "Personalized mAP")
    return Table("", columns, rows, note, text_columns=2)


def _row(tier: Tier, clients: list[int], generic: list[Generic], findings: Findings, sent: float | None = None) -> Row:
    """
    Args:
        sent: megabytes that each client received and sent in a round, if not those of its tier.
    """
    known = [client for client in clients if client in findings.clients.index]
    own = findings.clients.loc[known, "final"].mean() if known else float("nan")
    return row(
        tier.name,
        _names(clients),
        f"{tier.amounts['macs'] / 1e6:,.1f} M",
        count(tier.amounts["params"]),
        f"{tier.amounts['round_mb'] if sent is None else sent:,.2f}",
        *(_score(result, tier) for result in generic),
        DASH if is_missing(own) else percent(float(own)),
    )


def _names(clients: list[int]) -> str:
    if not clients:
        return "none"
    if len(clients) <= MOST_NAMED:
        return ", ".join(map(str, clients))
    return f"{len(clients)} clients"


def _score(result: Generic, tier: Tier) -> str:
    value = result.final.get("mAP" if tier.is_whole else f"tier-{tier.name}/mAP")
    return DASH if is_missing(value) else percent(value)
