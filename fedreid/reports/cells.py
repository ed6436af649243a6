"""What is in a cell beside its text: a number to sort by, and whether it is the best of its column."""

from __future__ import annotations

import math
import re
from itertools import pairwise

from fedreid.reports.numbers import DASH
from fedreid.reports.tables import Cell, Table

UNITS = {
    "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "G": 1e9, "T": 1e12, "J": 1.0, "kJ": 1e3, "MJ": 1e6,
    "s": 1.0, "min": 60.0, "h": 3600.0, "days": 86400.0, "%": 1.0,
}  # fmt: skip
NUMBER = re.compile(r"[+±-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


def number_of(cell: Cell) -> float | None:
    """The number that a cell shows: 1,234 or 12.4 MB or 3 min 20 s; None where it shows a dash or words."""
    if cell.value is not None:
        return None if math.isnan(cell.value) else cell.value
    words = cell.text.replace("−", "-").split()
    if len(words) == 1 and NUMBER.fullmatch(words[0]):
        return _number(words[0])
    parts = list(pairwise(words))[::2]
    if parts and len(words) % 2 == 0 and all(NUMBER.fullmatch(one) and unit in UNITS for one, unit in parts):
        return sum(_number(one) * UNITS[unit] for one, unit in parts)
    return None


def is_numeric(table: Table, column: int) -> bool:
    """Whether a column holds numbers and dashes alone, and some number."""
    cells = [row.cells[column] for row in table.rows]
    numbers = [number_of(cell) is not None for cell in cells]
    return any(numbers) and all(known or cell.text in (DASH, "") for known, cell in zip(numbers, cells, strict=True))


def best_cells(table: Table) -> set[tuple[int, int]]:
    """(row, column) of the best value of each column that has a better end.

    Several where they show the same, and none where all do.
    """
    found: set[tuple[int, int]] = set()
    for column, better in enumerate(table.better):
        if not better:
            continue
        values = {
            place: value
            for place, row in enumerate(table.rows)
            if not row.is_total and not row.is_bound and (value := number_of(row.cells[column])) is not None
        }
        if len({_shown(table, place, column) for place in values}) < 2:
            continue  # all the same, or none that counts: none is better
        best = max(values, key=values.__getitem__) if better == "high" else min(values, key=values.__getitem__)
        text = _shown(table, best, column)
        found |= {(place, column) for place in values if _shown(table, place, column) == text}
    return found


def _shown(table: Table, place: int, column: int) -> str:
    """A mean as it is rounded, without its spread."""
    return table.rows[place].cells[column].text.partition(" ± ")[0]


def _number(text: str) -> float:
    return float(text.replace(",", "").lstrip("±"))
