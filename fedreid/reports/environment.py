"""What the templates of all pages share: escaping, filters, and the page's style."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from fedreid.reports.cells import best_cells, is_numeric, number_of
from fedreid.reports.drawing import Drawing, to_svg
from fedreid.reports.sorting import sorting_script
from fedreid.reports.tables import Cell

HERE = Path(__file__).parent


def environment() -> Environment:
    """Templates of this folder, with everything escaped that isn't marked as safe."""
    made = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"whole": _whole, "sort_key": sort_key, "best_cells": best_cells}
    made.tests["numeric"] = is_numeric
    made.globals["sorting_script"] = sorting_script
    return made


def style(*names: str) -> Markup:
    """Style sheets of this folder one after the other, as they stand."""
    return Markup("".join((HERE / name).read_text(encoding="utf-8") for name in names))


def by_section(drawings: Sequence[Drawing]) -> dict[str, list[dict[str, Any]]]:
    """Figures as SVG, by the section of the page in which they stand."""
    found: dict[str, list[dict[str, Any]]] = {}
    for drawing in drawings:  # drawn here, names in it escaped by matplotlib
        svg = Markup(to_svg(drawing.figure, drawing.name, drawing.title))
        found.setdefault(drawing.section, []).append({"drawing": drawing, "svg": svg})
    return found


def sort_key(cell: Cell) -> str:
    """The number in a cell, as rows are sorted by it; empty where it shows none."""
    number = number_of(cell)
    return "" if number is None else repr(number)


def _whole(text: str) -> Markup:
    """Text in which 1e-4 is never broken behind its hyphen, 95 % before its sign, or 3.1 ± 0.2 at its."""
    bound = re.sub(r"(?<=\d) (?=[%±])|(?<=±) (?=\d)", "\u00a0", str(escape(text)))
    return Markup(re.sub(r"\b[\d.]+e-\d+\b", r'<span class="whole">\g<0></span>', bound))
