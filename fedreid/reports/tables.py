"""The tables of a report, as cells that a page colours and that Markdown prints; those of the ranking scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd

from fedreid.reports.findings import Findings, Generic, Metrics
from fedreid.reports.numbers import DASH, count, is_missing, percent, points

MOST_OPEN = 40  # rows that stand open in a page; more go behind a click
MOST_CLIENTS = 200  # clients with a row of their own; of more there are only quantiles
EXTREMES = 5


@dataclass(frozen=True)
class Cell:
    """One value.

    Attributes:
        shade: -1 (bad) to 1 (good), as the page colours it; 0: none.
        detail: behind it, in small.
        value: what `text` rounds, for sorting and for files; None: what can be read from the text.
        spread: standard deviation over seeds, where the text has one.
        link: where the text leads, relative to the page.
    """

    text: str
    shade: float = 0.0
    detail: str = ""
    value: float | None = None
    spread: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Row:
    """Cells in the order of the table's columns.

    Attributes:
        is_total: sums or means of the others, which stays below them however they are sorted.
        is_strong: the one to look at.
        is_bound: not in the running for the best of a column.
    """

    cells: tuple[Cell, ...]
    is_total: bool = False
    is_strong: bool = False
    is_bound: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its words.

    Attributes:
        title, note: above and below it; may be empty. Each line of a note is a paragraph.
        columns: their titles; the first ones, `text_columns` many, hold text and the others numbers.
        rows: may be empty where the note says why.
        is_folded: too long to stand open in a page.
        is_sortable: readers want to sort its rows in the page.
        better: for each column "high", "low", or "" where no value is better; the best of a column is set in bold.
        name: of its files; without, the title makes one.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str = ""
    text_columns: int = 1
    is_folded: bool = False
    is_sortable: bool = False
    better: tuple[str, ...] = ()
    name: str = ""


def row(*texts: str | Cell, is_total: bool = False, is_strong: bool = False, is_bound: bool = False) -> Row:
    """A row of cells, or of texts."""
    cells = tuple(text if isinstance(text, Cell) else Cell(text) for text in texts)
    return Row(cells, is_total, is_strong, is_bound)


RANKING = {"mAP": "mAP", "rank1": "rank-1", "rank5": "rank-5", "rank10": "rank-10", "mINP": "mINP"}


def generic_table(result: Generic, start: str, outcome: str) -> Table:
    """The shared model on one dataset's generic test set, between its references; `outcome`: see `Names`."""
    found: list[tuple[str, Metrics | None, bool]] = [(f"{start.capitalize()} model (round 0)", result.start, False)]
    found.append(("Local only (mean over clients)", result.alone, False))
    if result.last_round > 0:
        found.append((f"{outcome}, final (round {result.last_round})", result.final, True))
        found.append((f"{outcome}, best (round {result.best_round}) *", result.best, False))
    rows = [_ranking(name, metrics, result, is_strong) for name, metrics, is_strong in found if metrics is not None]
    asked, skipped = count(result.final.get("queries")), count(result.final.get("skipped"))
    note = f"In percent. {asked} queries counted; {skipped} skipped, because no other camera shows the same person."
    if result.last_round > 0:
        note += " * Chosen on the test images, for orientation only: the model that is kept is the last one."
    return Table(f"Generic: {result.dataset}", ("", *RANKING.values(), "mAP vs start"), tuple(rows), note)


def _ranking(name: str, metrics: Metrics, result: Generic, is_strong: bool) -> Row:
    change = metrics["mAP"] - result.start["mAP"] if result.start and metrics is not result.start else None
    is_start = change is None or name.endswith("(round 0)")
    last = Cell(DASH) if is_start else gain(change, 10)
    return row(name, *(percent(metrics.get(metric)) for metric in RANKING), last, is_strong=is_strong)


def gain(value: float | None, full: float) -> Cell:
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
        cells = [gain(values[score], full) if score == "gain" else percent(values[score]) for score in scores]
        return row(name, dataset, *cells, *(count(values[column]) for column in COUNTS), is_total=is_total)

    def table(title: str, rows: Iterable[Row], note: str = "") -> Table:
        return Table(title, columns, tuple(rows), note, text_columns=2, is_sortable=True)

    rows = {client: line(str(client), str(values["dataset"]) or DASH, values) for client, values in clients.iterrows()}
    numbers = clients.drop(columns="dataset")
    whole = table(
        "Every client",
        [*rows.values(), line("Mean", "", numbers.mean(), is_total=True)],
        _client_note(findings, scores),
    )
    if len(clients) <= MOST_OPEN:
        return [whole]
    spread = table(
        "Spread over clients", [line(name, "", numbers.quantile(share)) for name, share in QUANTILES], SPREAD_NOTE
    )
    order = clients["gain"].dropna().sort_values(ascending=False).index
    extremes = (("Gain most", order[:EXTREMES]), ("Gain least", order[-EXTREMES:]))
    few = [table(title, (rows[client] for client in chosen)) for title, chosen in extremes if len(chosen)]
    return [spread, *few, *([replace(whole, is_folded=True)] if len(clients) <= MOST_CLIENTS else [])]


def _scores(findings: Findings, start: str) -> dict[str, str]:
    """Columns of personalized scores that were measured, and their titles."""
    against, own = "local only" if findings.against == "alone" else start, findings.names.over_column
    titles = {
        "final": f"{own} mAP",
        "gain": f"vs {against}",
        "alone": "Local only mAP",
        "start": f"{start.capitalize()} mAP",
        "shared": "Shared model mAP",
        "plain": "Without branch mAP",
        "rank1": f"{own} rank-1",
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


def _client_note(findings: Findings, scores: Iterable[str]) -> str:
    names = findings.names
    if "final" not in scores:
        return ""
    images = (
        "query and gallery of the client's dataset"
        if names.on_test_set
        else "held-out images of the client's own people"
    )
    note = f"In percent, on {images}. {names.over_column}: {names.when}."
    return note + " Shared model: the final one, as the server keeps it." * ("shared" in scores)
