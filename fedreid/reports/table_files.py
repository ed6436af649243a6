"""Tables as files: CSV for whoever calculates on, LaTeX for whoever writes a paper."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from fedreid.reports.cells import best_cells, number_of
from fedreid.reports.numbers import DASH
from fedreid.reports.tables import Cell, Row, Table

TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "±": r"$\pm$", "−": r"$-$", "×": r"$\times$", "–": "--",
    "·": r"$\cdot$", "≈": r"$\approx$", "…": r"\dots{}", "\u00a0": "~", "’": "'",
    "‘": "`", "“": "``", "”": "''", "„": ",,", "→": r"$\rightarrow$", "←": r"$\leftarrow$", "≤": r"$\leq$",
    "≥": r"$\geq$", "≠": r"$\neq$", "∞": r"$\infty$", "✓": r"$\surd$", "✗": r"$\times$",
}  # fmt: skip
GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
    "kappa": "κ", "lambda": "λ", "mu": "μµ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ",
    "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
TEX |= {letter: rf"$\{name}$" for name, letters in GREEK.items() for letter in letters}
LONGEST = 60  # letters of a file's name


def write_tables(tables: Iterable[Table], folder: Path) -> None:
    """Write every table with rows as NAME.csv and NAME.tex, and remove those of an earlier report.

    Raises:
        OSError: the folder can't be written.
    """
    folder.mkdir(exist_ok=True)
    for old in [*folder.glob("*.csv"), *folder.glob("*.tex")]:
        old.unlink()
    for name, table in named(tables):
        (folder / f"{name}.csv").write_text(to_csv(table), encoding="utf-8", newline="")
        (folder / f"{name}.tex").write_text(to_tex(table), encoding="utf-8")


def named(tables: Iterable[Table]) -> Iterator[tuple[str, Table]]:
    """(file name without ending, table) of those with rows, each name once."""
    seen: set[str] = set()
    for table in tables:
        if table.rows:
            name = base = slug(table.name or table.title) or "table"
            number = 1
            while name in seen:
                number += 1
                name = f"{base}-{number}"
            seen.add(name)
            yield name, table


def slug(text: str) -> str:
    """Words for a file's name: "All scores: Market-1501" is all-scores-market-1501."""
    plain = unicodedata.normalize("NFKD", re.sub("['’]", "", text)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:LONGEST].rstrip("-")


def to_csv(table: Table) -> str:
    """Numbers unrounded where the table has them, empty where it shows a dash; a standard deviation has its own column.

    Small print behind a number is a column of its own, too.
    """
    extra = [
        (any(_spread(row.cells[place]) for row in table.rows), any(row.cells[place].detail for row in table.rows))
        for place in range(len(table.columns))
    ]
    header: list[str] = []
    for place, title in enumerate(table.columns):
        header += [
            title,
            *([f"{title} sd"] if extra[place][0] else []),
            *([f"{title} note"] if extra[place][1] else []),
        ]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    for row in table.rows:
        line: list[str] = []
        for place, cell in enumerate(row.cells):
            line.append(_plain(cell, is_text=place < table.text_columns))
            line += [_spread(cell)] if extra[place][0] else []
            line += [cell.detail] if extra[place][1] else []
        writer.writerow(line)
    return stream.getvalue()


def to_tex(table: Table) -> str:
    """A booktabs tabular for \\input; names escaped, the best of a column bold."""
    best = best_cells(table)
    columns = "".join("l" if place < table.text_columns else "r" for place in range(len(table.columns)))
    lines = [f"% {_comment(table.title)}", r"% \usepackage{booktabs}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [_line(escape(title) for title in table.columns), r"\midrule"]
    was_total = False
    for place, row in enumerate(table.rows):
        if row.is_total and not was_total and place:
            lines.append(r"\midrule")
        was_total = row.is_total
        lines.append(_line(_cells(row, {column for at, column in best if at == place})))
    lines += [r"\bottomrule", r"\end{tabular}", *(f"% {_comment(line)}" for line in table.note.splitlines())]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands, on one line."""
    return "".join(TEX.get(letter, letter) for letter in " ".join(text.split()))


def _cells(row: Row, best: set[int]) -> Iterator[str]:
    for place, cell in enumerate(row.cells):
        text = escape(cell.text)
        text = rf"\textbf{{{text}}}" if place in best or row.is_total else text
        yield f"{text} {{\\footnotesize {escape(cell.detail)}}}" if cell.detail else text


def _line(cells: Iterable[str]) -> str:
    line = " & ".join(cells)
    return (f"{{}}{line}" if line.startswith(("[", "*")) else line) + r" \\"  # else an option of the line before


def _comment(text: str) -> str:
    return " ".join(text.split())


def _plain(cell: Cell, *, is_text: bool) -> str:
    number = None if is_text and cell.value is None else number_of(cell)
    if number is not None:
        return f"{number:.0f}" if number == int(number) and abs(number) < 1e15 else repr(number)
    return "" if cell.text == DASH else cell.text


def _spread(cell: Cell) -> str:
    return repr(cell.spread) if cell.spread is not None and cell.spread == cell.spread else ""
