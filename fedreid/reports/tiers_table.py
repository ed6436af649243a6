"""The tiers of a federation: what each part of the network costs, and what it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedreid.reports.findings import Findings, Generic
from fedreid.reports.loading import RunFolder
from fedreid.reports.numbers import DASH, count, is_missing, percent, points
from fedreid.reports.open_set import heading
from fedreid.reports.tables import MOST_OPEN, Cell, Row, Table, row
from fedreid.reports.tier_words import reference, score_of, tiers_of

if TYPE_CHECKING:
    from fedreid.pruning.tiers import Tier

LAST = (
    ", with the whole network. Soft pruning saves nothing on the way: everybody trained and sent the whole network in "
    "every round, and the tiers were cut out of it after the last one."
)
MOST_NAMED = 8  # clients of a tier that are named one by one


def tiers_table(run: RunFolder, findings: Findings) -> Table | None:
    """One row for each tier; None where all clients have the whole network."""
    tiers = tiers_of(run)
    if tiers is None:
        return None
    scored = [result for result in findings.generic if any(score_of(result, tier) for tier in tiers.tiers)]
    datasets = tuple(f"Generic {heading(result.metric)} · {result.dataset}" for result in scored)
    sent = 2e-6 * run.summary.get("model", {}).get("wire_bytes", 0) if tiers.come_last else None
    first = reference(run, tiers)
    rows = tuple(
        _row(tier, tiers.clients(place), scored, findings, first, sent) for place, tier in enumerate(tiers.tiers)
    )
    note = (
        "MACs are for one image; memory is that of training; traffic is both ways, of one client in one round. "
        "Generic: the tier's part of the last global model, on people nobody trained on, and behind it the difference "
        "to the largest tier that somebody trained. Personalized: the mean over the tier's clients"
    )
    note += LAST if tiers.come_last else "."
    columns = ("Tier", "Clients", "MACs", "Parameters", "Memory (MB)", "MB per round", *datasets, "Personalized mAP")
    is_folded = len(rows) > MOST_OPEN
    return Table("Every client's part" if is_folded else "", columns, rows, note, text_columns=2, is_folded=is_folded,
                 name="tiers")  # fmt: skip


def _row(
    tier: Tier, clients: list[int], scored: list[Generic], findings: Findings, first: Tier, sent: float | None
) -> Row:
    """
    Args:
        first: the tier that others are held against.
        sent: megabytes that each client received and sent in a round, if not those of its tier.
    """
    known = [client for client in clients if client in findings.clients.index]
    own = findings.clients.loc[known, "final"].mean() if known else float("nan")
    return row(
        tier.name,
        _names(clients),
        f"{tier.amounts['macs'] / 1e6:,.1f} M",
        count(tier.amounts["params"]),
        f"{tier.amounts['memory_mb']:,.1f}",
        f"{tier.amounts['round_mb'] if sent is None else sent:,.2f}",
        *(_score(result, tier, first) for result in scored),
        DASH if is_missing(own) else percent(float(own)),
    )


def _names(clients: list[int]) -> str:
    if not clients:
        return "none"
    if len(clients) <= MOST_NAMED:
        return ", ".join(map(str, clients))
    return f"{len(clients)} clients"


def _score(result: Generic, tier: Tier, first: Tier) -> Cell:
    value, best = score_of(result, tier), score_of(result, first)
    if value is None or is_missing(value):
        return Cell(DASH)
    is_compared = tier != first and best is not None and not is_missing(best)
    return Cell(percent(value), detail=points(value - best) if is_compared else "", value=value)  # type: ignore[operator]
