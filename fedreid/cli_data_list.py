"""`fedreid data list`: what is known of each format, in a line or in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fedreid.cli_options import wide_console

if TYPE_CHECKING:
    from fedreid.data.checking.catalogue_entry import Counted, Entry

Side = Literal["left", "right"]
COLUMNS: tuple[tuple[str, str, Side], ...] = (
    ("format", "bold", "left"),
    ("dataset", "", "left"),
    ("people", "", "right"),
    ("images", "", "right"),
    ("cameras", "", "right"),
    ("from", "cyan", "left"),
    ("licence", "dim", "left"),
)


def list_formats(
    format: Annotated[str | None, typer.Argument(help="all that is known of one", show_default=False)] = None,
) -> None:
    """What is known of datasets: what is needed on disk, where it is from, its licence."""
    from fedreid.data.checking.catalogue import ENTRIES, entry

    if format is not None:
        _print_entry(entry(format))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading, style, side in COLUMNS:
        table.add_column(heading, style=style, justify=side, no_wrap=side == "right", overflow="fold")
    for one in ENTRIES:
        table.add_row(one.name, one.title, *_numbers(one), one.access, one.terms)
    console = wide_console()
    console.print(table)
    console.print("\nNothing is ever downloaded. `fedreid data list FORMAT` says what is needed on disk, and the rest.")


def _numbers(one: Entry) -> tuple[str, str, str]:
    """People, images and cameras as text; nothing where it isn't known."""
    from fedreid.data.checking.catalogue import number_of, people_of

    people, number = people_of(one), number_of(one)
    counted = "" if number is None else f"{number[0]:,}" + ("" if number[1] == "images" else f" {number[1]}")
    return f"{people:,}" if people else "", counted, str(one.cameras or "")


def _print_entry(one: Entry) -> None:
    console = wide_console()
    console.print(Text(f"{one.title}  ({one.name})", style="bold"))
    console.print(Text(f"{one.about}\n"))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    people, number, cameras = _numbers(one)
    for title, text in (
        ("published in", one.citation),
        ("people", people),
        ("cameras", cameras),
        *((" ".join(("counts", version.title)).strip(), _counts(version.parts, one.unit)) for version in one.versions),
        ("images", number if one.images else ""),
        ("from", one.source),
        ("licence", one.licence),
    ):
        if text:
            table.add_row(title, Text(text))
    console.print(table)
    _print_needs(one, console)
    _print_lines(one, console)


def _print_needs(one: Entry, console: Console) -> None:
    if not one.needs:
        return
    console.print("\nOn disk:\n")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="cyan", overflow="fold")
    table.add_column(overflow="fold")
    for need, what in one.needs:
        table.add_row(Text(need), Text(what))
    console.print(table)


def _counts(parts: Mapping[str, Counted], unit: str) -> str:
    return "; ".join(
        f"{part} {number:,} {unit if people is not None else ''}".rstrip() + (f" of {people:,}" if people else "")
        for part, (people, number) in parts.items()
    )


def _print_lines(one: Entry, console: Console) -> None:
    from fedreid.data.checking.catalogue import scenario_lines

    path = {} if one.name == "synthetic" else {"path": f"where/{one.name}/is"}
    console.print("\nIn a scenario:\n")
    console.print(scenario_lines(one.name, {"format": one.name, **path}), markup=False, end="", soft_wrap=True)
