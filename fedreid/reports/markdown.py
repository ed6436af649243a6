"""report.md: the same report as text, for terminals, pull requests and archives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fedreid.reports.drawing import Drawing
from fedreid.reports.markdown_blocks import escape, fenced, items, section
from fedreid.reports.page import Content


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
    yield from section("Round by round", [], "curves", drawings)
    generic = f"The {content.names.shared}, on people nobody trained on"
    yield from section(generic, content.generic, "generic", drawings)
    clients = [*content.models, *content.clients, *content.open_set]
    yield from section(f"Each client, on {content.names.its}", clients, "clients", drawings)
    yield from (items(lines) for lines in (content.client_notes,) if lines)
    yield from section("What it finds", content.found, "finds", drawings)
    yield from section("Parts of the network", content.tiers, "tiers", drawings)
    yield from section("Hard negatives", content.public, "public", drawings)
    yield from (items(lines) for lines in (content.public_notes,) if lines)
    yield from section("Client drift", [], "drift", drawings)
    yield from section("Costs", content.costs, "costs", drawings)
    yield items(f"{name}: {value}" for name, value in content.totals)
    if content.failures:
        yield "## Failures"
        yield items(content.failures)
    yield from section("Data", content.data, "data", drawings)
    yield items(content.data_notes)
    yield "## How it was trained and evaluated"
    yield items(f"{name}: {value}" for name, value in content.setup)
    yield "\n\n".join(f"**{escape(term)}.** {escape(text)}" for term, text in content.protocol)
    yield "## Repeat it"
    yield fenced(content.command)
    versions = ", ".join(f"{name} {version}" for name, version in content.versions)
    yield escape(f"Seed {content.seed}. {versions}.")
    yield "The whole scenario, every default written out:"
    yield fenced(content.scenario, "toml")
