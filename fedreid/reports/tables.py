"""The tables of a report, as cells that a page colours and that Markdown prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from fedreid.reports.findings import Findings, Generic, Metrics
from fedreid.reports.numbers import DASH, count, is_missing, percent, points, rate, seconds, size

MOST_OPEN = 40  # rows that stand open in a page; more go behind a click
MOST_CLIENTS = 200  # clients with a row of their own; of more there are only quantiles
EXTREMES = 5


@dataclass(frozen=True)
class Cell:
    """One value. `shade`: -1 (bad) to 1 (good), as the page colours it; 0: none."""

    text: str
    shade: float = 0.0


@dataclass(frozen=True)
class Row:
    """Cells in the order of the table's columns; `is_total`: sums or means of the others."""

    cells: tuple[Cell, ...]
    is_total: bool = False
    is_strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its words.

    Attributes:
        title, note: above and below it; may be empty.
        columns: their titles; the first ones, `text_columns` many, hold text and the others numbers.
        is_folded: too long to stand open in a page.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    text_columns: int = 1
    is_folded: bool = False


def row(*texts: str | Cell, is_total: bool = False, is_strong: bool = False) -> Row:
    cells = tuple(text if isinstance(text, Cell) else Cell(text) for text in texts)
    return Row(cells, is_total, is_strong)


RANKING = {"mAP": "mAP", "rank1": "rank-1", "rank5": "rank-5", "rank10": "rank-10", "mINP": "mINP"}


def generic_table(result: Generic, start: str) -> Table:
    """The shared model on one dataset's generic test set, between its references."""
    found: list[tuple[str, Metrics | None, bool]] = [(f"{start.capitalize()} model (round 0)", result.start, False)]
    found.append(("Local only (mean over clients)", result.alone, False))
    if result.last_round > 0:
        found.append((f"Federation, final (round {result.last_round})", result.final, True))
        found.append((f"Federation, best (round {result.best_round}) *", result.best, False))
    rows = [_ranking(name, metrics, result, is_strong) for name, metrics, is_strong in found if metrics is not None]
    asked, skipped = count(result.final.get("queries")), count(result.final.get("skipped"))
    note = f"In percent. {asked} queries counted; {skipped} skipped, because no other camera shows the same person."
    if result.last_round > 0:
        note += " * Chosen on the test images, for orientation only: the model that is kept is the last one."
    return Table(f"Generic: {result.dataset}", ("", *RANKING.values(), "mAP vs start"), tuple(rows), note)


def _ranking(name: str, metrics: Metrics, result: Generic, is_strong: bool) -> Row:
    change = metrics["mAP"] - result.start["mAP"] if result.start and metrics is not result.start else None
    is_start = change is None or name.endswith("(round 0)")
    last = Cell(DASH) if is_start else _gain(change, 10)
    return row(name, *(percent(metrics.get(metric)) for metric in RANKING), last, is_strong=is_strong)


def _gain(value: float | None, full: float) -> Cell:
    """A difference in points, shaded; `full`: the difference that gets the full colour."""
    if value is None or is_missing(value):
        return Cell(DASH)
    return Cell(points(value), max(-1.0, min(1.0, value / full)) if full else 0.0)


def client_tables(findings: Findings, start: str) -> list[Table]:
    """How well each client's model does, and with how much data; of many clients the spread and the extremes first."""
    clients, scores = findings.clients, _scores(findings, start)
    columns = ("Client", "Dataset", *scores.values(), *COUNTS.values())
    full = float(clients["gain"].abs().max()) if clients["gain"].notna().any() else 0.0

    def line(name: str, dataset: str, values: pd.Series, is_total: bool = False) -> Row:
        cells = [_gain(values[score], full) if score == "gain" else percent(values[score]) for score in scores]
        return row(name, dataset, *cells, *(count(values[column]) for column in COUNTS), is_total=is_total)

    def table(title: str, rows: Iterable[Row], note: str = "") -> Table:
        return Table(title, columns, tuple(rows), note, text_columns=2)

    rows = {client: line(str(client), str(values["dataset"]) or DASH, values) for client, values in clients.iterrows()}
    numbers = clients.drop(columns="dataset")
    whole = table(
        "Every client",
        [*rows.values(), line("Mean", "", numbers.mean(), is_total=True)],
        CLIENT_NOTE + SHARED_NOTE * ("shared" in scores),
    )
    if len(clients) <= MOST_OPEN:
        return [replace(whole, title="")]
    spread = table(
        "Spread over clients", [line(name, "", numbers.quantile(share)) for name, share in QUANTILES], SPREAD_NOTE
    )
    order = clients["gain"].dropna().sort_values(ascending=False).index
    extremes = (("Gain most", order[:EXTREMES]), ("Gain least", order[-EXTREMES:]))
    few = [table(title, (rows[client] for client in chosen)) for title, chosen in extremes if len(chosen)]
    return [spread, *few, *([replace(whole, is_folded=True)] if len(clients) <= MOST_CLIENTS else [])]


def _scores(findings: Findings, start: str) -> dict[str, str]:
    """Columns of personalized scores that were measured, and their titles."""
    against = "local only" if findings.has_alone else start
    titles = {
        "final": "Own model mAP",
        "gain": f"vs {against}",
        "alone": "Local only mAP",
        "start": f"{start.capitalize()} mAP",
        "shared": "Shared model mAP",
        "rank1": "Own model rank-1",
    }
    return {name: title for name, title in titles.items() if findings.clients[name].notna().any()}


COUNTS = {
    "identities": "Identities",
    "train_images": "Training images",
    "held_out_images": "Held-out images",
    "cameras": "Cameras",
}
QUANTILES = (("Lowest", 0.0), ("10 %", 0.1), ("Median", 0.5), ("90 %", 0.9), ("Highest", 1.0))
SPREAD_NOTE = "Each column by itself: a row is not one client."
CLIENT_NOTE = (
    "In percent, on held-out images of the client's own people. Own model: after the client's local training, before "
    "aggregation."
)
SHARED_NOTE = " Shared model: the final one, as the server keeps it."


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


def data_tables(data: dict) -> list[Table]:
    """The sources part by part, and who got how much of them."""
    rows = [
        row(name, part.capitalize(), *(count(facts[part][key]) for key in ("identities", "images", "cameras")))
        for name, facts in data.get("sources", {}).items()
        for part in ("train", "query", "gallery")
        if facts.get(part, {}).get("images")
    ]
    sources = Table("Sources", ("Source", "Part", "Identities", "Images", "Cameras"), tuple(rows), text_columns=2)
    uses = {
        "public": "Public: pre-training",
        "private": "Private: divided among clients",
        "unused": "Not used for training",
    }
    shares = [
        row(title, count(data[use]["identities"]), count(data[use]["images"]))
        for use, title in uses.items()
        if data.get(use, {}).get("images") or (use == "public" and use in data)
    ]
    return [
        table
        for table in (sources, Table("Training identities", ("Use", "Identities", "Images"), tuple(shares)))
        if table.rows
    ]
