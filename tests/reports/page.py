"""Reads what a report says, from its page and from the run's tables."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

from fedreid.reports import write_report

VOID = {"meta", "br", "use", "path", "link", "img", "col"}
RESOURCES = {"src", "href", "xlink:href", "srcset", "data", "poster", "action"}


class Page(HTMLParser):
    """Tables as lists of texts by heading, attributes that could load something, and whether tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.resources: list[str] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.small = 0  # how many open tags stand for a detail that a cell shows in small
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.resources += [value or "" for name, value in attrs if name in RESOURCES]
        if tag not in VOID:
            self.open.append(tag)
            self.small += ("class", "small") in attrs
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag
            self.small -= bool(self.small) and tag == "span"

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self.open) and not self.small:
            self.tables[-1][-1][-1] += data

    def table(self, *columns: str) -> list[dict[str, str]]:
        """Rows of the first table with these columns, by column."""
        tables = [[[" ".join(cell.split()) for cell in row] for row in rows] for rows in self.tables]
        head, *rows = next(rows for rows in tables if set(columns) <= set(rows[0]))
        return [dict(zip(head, row, strict=True)) for row in rows]


def metric(run_dir: Path, table: str = "metrics.csv", **wanted: str) -> list[float]:
    """Values of the rows in which these columns hold these texts."""
    with (run_dir / table).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [float(row["value"]) for row in rows if all(row[name] == value for name, value in wanted.items())]


def write(run_dir: Path) -> Page:
    """The report's page, written anew; every tag in it closes."""
    page = Page(write_report(run_dir).read_text(encoding="utf-8"))
    assert page.open == []
    return page


def read(run_dir: Path, name: str = "report.html") -> str:
    """A file of the report, with plain spaces."""
    return (run_dir / name).read_text(encoding="utf-8").replace("\u00a0", " ")
