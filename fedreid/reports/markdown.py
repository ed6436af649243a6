"""report.md: the same report as text, for terminals, pull requests and archives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fedreid.reports.drawing import Drawing
from fedreid.reports.page import Content
from fedreid.reports.tables import Row, Table

MOST_ROWS = 60  # a longer table is for the page, or for metrics.csv


def to_markdown(content: Content, drawings: Sequence[Drawing]) -> str:
    """The report as Markdown; figures are the files in figures/."""
    return "\n\n".join(_blocks(content, drawings)) + "\n"


def _blocks(content: Content, drawings: Sequence[Drawing]) -> Iterator[str]:
    yield f"# {escape(content.title)}"
    yield from (escape(text) for text in (content.description,) if text)
    yield from (f"> **{escape(text)}**" for text in (content.status, *content.marks) if text)
    yield from map(escape, content.summary)
    rows = [
        f"| {escape(tile.name)} | {escape(f'{tile.value} {tile.unit}'.strip())} | {escape(tile.detail)} |"
        for tile in content.tiles
    ]
    yield "\n".join(["| Key figure | Value | |", "|---|---:|---|", *rows])
    yield from _section("Round by round", [], "curves", drawings)
    generic = f"The {content.names.shared}, on people nobody trained on"
    yield from _section(generic, content.generic, "generic", drawings)
    clients = [*content.models, *content.clients, *content.open_set]
    yield from _section(f"Each client, on {content.names.its}", clients, "clients", drawings)
    yield from (_list(lines) for lines in (content.client_notes,) if lines)
    yield from _section("Parts of the network", content.tiers, "tiers", drawings)
    yield from _section("Hard negatives", content.public, "public", drawings)
    yield from (_list(lines) for lines in (content.public_notes,) if lines)
    yield from _section("Costs", content.costs, "costs", drawings)
    yield _list(f"{name}: {value}" for name, value in content.totals)
    if content.failures:
        yield "## Failures"
        yield _list(content.failures)
    yield from _section("Data", content.data, "data", drawings)
    yield _list(content.data_notes)
    yield "## How it was trained and evaluated"
    yield _list(f"{name}: {value}" for name, value in content.setup)
    yield "\n\n".join(f"**{escape(term)}.** {escape(text)}" for term, text in content.protocol)
    yield "## Repeat it"
    yield _fenced(content.command)
    versions = ", ".join(f"{name} {version}" for name, version in content.versions)
    yield escape(f"Seed {content.seed}. {versions}.")
    yield "The whole scenario, every default written out:"
    yield _fenced(content.scenario, "toml")


def _section(title: str, tables: Sequence[Table], name: str, drawings: Sequence[Drawing]) -> Iterator[str]:
    chosen = [drawing for drawing in drawings if drawing.section == name]
    if not chosen and not tables:
        return
    yield f"## {title}"
    for drawing in chosen:
        name = escape(drawing.title)
        yield f"![{name}](figures/{drawing.name}.png)\n\n{name}: {escape(drawing.caption)}"
    for table in tables:
        yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    if len(table.rows) > MOST_ROWS:
        return
    if table.title:
        yield f"### {escape(table.title)}"
    rule = "|".join("---" if place < table.text_columns else "---:" for place in range(len(table.columns)))
    if table.rows:
        yield "\n".join([_line(table.columns), f"|{rule}|", *(_row(row) for row in table.rows)])
    yield from (escape(line) for line in table.note.splitlines())


def _row(row: Row) -> str:
    texts = [f"{cell.text} {cell.detail}".strip() for cell in row.cells]
    return _line(texts, mark="**" if row.is_total or row.is_strong else "")


def _line(texts: Sequence[str], mark: str = "") -> str:
    return "| " + " | ".join(f"{mark}{escape(text)}{mark}" if text else "" for text in texts) + " |"


def _list(lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))


def _fenced(text: str, language: str = "") -> str:
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
