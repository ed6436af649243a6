"""What each round and each client cost: images, traffic and seconds."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from fedreid.reports.findings import Findings
from fedreid.reports.numbers import DASH, count, is_missing, rate, seconds, size
from fedreid.reports.tables import MOST_CLIENTS, MOST_OPEN, SPREAD_NOTE, Table, row

COSTS = ("Images", "Received", "Sent", "Training time", "Images/s")


def cost_tables(findings: Findings) -> list[Table]:
    """What each round and each client cost, and both together where that fits."""
    cost = findings.cost
    if cost.empty:
        return []
    tables = [_cost_by_round(findings), _cost_by_client(cost)]
    if len(cost) <= 2 * MOST_CLIENTS:
        rows = [row(str(key[0]), str(key[1]), *_cost(values)) for key, values in _rows_of(cost)]
        total = row("Total", "", *_cost(_sums(cost)), is_total=True)
        tables.append(
            Table(
                "Every client in every round",
                ("Round", "Client", *COSTS),
                (*rows, total),
                text_columns=2,
                is_folded=True,
            )
        )
    return tables


def _rows_of(cost: pd.DataFrame) -> Iterable[tuple[tuple[int, int], pd.Series]]:
    """((round, client), values) of every row."""
    return ((key, cost.iloc[place]) for place, key in enumerate(cost.index))


def _sums(cost: pd.DataFrame) -> pd.Series:
    return cost[["images", "bytes_down", "bytes_up", "seconds"]].sum(min_count=1)


def _cost(values: pd.Series) -> tuple[str, ...]:
    speed = None if is_missing(values["seconds"]) else rate(values["images"], values["seconds"])
    down, up = size(values["bytes_down"]), size(values["bytes_up"])
    return count(values["images"]), down, up, seconds(values["seconds"]), count(speed)


def _cost_by_round(findings: Findings) -> Table:
    groups = findings.cost.groupby(level="round")
    walls = findings.phases.drop(columns="round_seconds", errors="ignore").sum(axis=1)
    rows = [
        row(str(number), count(len(group)), *_cost(_sums(group)), seconds(walls.get(number)))
        for number, group in groups
    ]
    total = row("Total", "", *_cost(_sums(findings.cost)), seconds(walls.sum() if len(walls) else None), is_total=True)
    note = (
        "Received and sent by clients. Training time is the sum over clients, images/s are per second of it; "
        "wall time is the whole round's."
    )
    columns = ("Round", "Clients", *COSTS, "Wall time")
    return Table("By round", columns, (*rows, total), note, is_folded=len(rows) > MOST_OPEN)


def _cost_by_client(cost: pd.DataFrame) -> Table:
    sums = {client: (len(group), _sums(group)) for client, group in cost.groupby(level="client")}
    rows = [row(str(client), count(rounds), *_cost(values)) for client, (rounds, values) in sums.items()]
    total = row("Total", count(len(cost)), *_cost(_sums(cost)), is_total=True)
    columns = ("Client", "Rounds", *COSTS)
    if len(rows) <= MOST_CLIENTS:
        return Table("By client", columns, (*rows, total), is_folded=len(rows) > MOST_OPEN)
    frame = pd.DataFrame({client: values for client, (_, values) in sums.items()}).T
    frame["rounds"] = [rounds for rounds, _ in sums.values()]
    spread = []
    for name, share in (("Lowest", 0.0), ("Median", 0.5), ("Highest", 1.0)):
        values = frame.quantile(share)
        spread.append(row(name, count(values["rounds"]), *_cost(values)[:-1], DASH))
    return Table("By client", columns, (*spread, total), SPREAD_NOTE)
