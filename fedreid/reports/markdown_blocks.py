"""What a report in Markdown is made of, whatever it is about: sections, tables, lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from fedreid.reports.drawing import Drawing
from fedreid.reports.tables import Row, Table

MOST_ROWS = 60  # a longer table is for the page, or for metrics.csv


def section(title: str, tables: Sequence[Table], name: str, drawings: Sequence[Drawing]) -> Iterator[str]:
    """A heading with its figures, as files in figures/, and its tables; nothing where there are neither."""
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


def items(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {escape(line)}" for line in lines)


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    return re.sub(r"([\\`*_\[\]<>|#$~])", r"\\\1", " ".join(text.split()))


def fenced(text: str, language: str = "") -> str:
    """Text as it stands, with a fence that nothing in it can close."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
