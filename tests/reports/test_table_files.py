"""Tables as CSV and LaTeX, what a cell is sorted by, and the best of a column."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from fedreid.reports.cells import best_cells, is_numeric, number_of
from fedreid.reports.table_files import escape, named, slug, to_csv, to_tex, write_tables
from fedreid.reports.tables import Cell, Table, row

SCORES = Table(
    "Scores: a & b",
    ("Variant", "mAP", "Loss", "Images"),
    (
        row("Fed_Avg", Cell("56.7 ± 1.0", value=56.7123, spread=1.04), "0.31", "1,200"),
        row("[x] 5 %", Cell("58.1", value=58.14, detail="client 3"), "0.30", "–"),
        row("bound", Cell("70.0", value=70.0), "0.10", "7", is_bound=True),
        row("Total", "–", "–", "1,207", is_total=True),
    ),
    note="In percent.\nSecond line.",
    better=("", "high", "low", ""),
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("56.7", 56.7), ("+4.7", 4.7), ("−1.2", -1.2), ("±0.0", 0.0), ("1,234", 1234.0), ("12.4 MB", 12.4e6),
        ("3 min 20 s", 200.0), ("2 h 05 min", 7500.0), ("1.2 T", 1.2e12), ("–", None), ("", None), ("client 3", None),
        ("average", None), ("2 clients", None),
    ],
)  # fmt: skip
def test_the_number_in_a_text(text: str, number: float | None) -> None:
    assert number_of(Cell(text)) == number


def test_a_cells_own_value_goes_before_its_text() -> None:
    assert number_of(Cell("56.7 ± 1.0", value=56.7123)) == 56.7123
    assert number_of(Cell("–", value=float("nan"))) is None


def test_columns_of_numbers_and_dashes() -> None:
    assert [is_numeric(SCORES, column) for column in range(4)] == [False, True, True, True]


def test_the_best_is_neither_a_bound_nor_a_total() -> None:
    assert best_cells(SCORES) == {(1, 1), (1, 2)}


def test_ties_share_it_and_a_column_of_equals_has_none() -> None:
    rows = (row("a", "1.0", "5"), row("b", "1.0", "5"), row("c", "0.5", "5"))
    assert best_cells(Table("", ("", "x", "y"), rows, better=("", "high", "high"))) == {(0, 1), (1, 1)}


def test_bounds_alone_in_a_column_leave_it_without_a_best() -> None:
    rows = (row("a", "–"), row("bound", "1.0", is_bound=True))
    assert best_cells(Table("", ("", "x"), rows, better=("", "high"))) == set()


def test_csv_has_plain_unrounded_numbers() -> None:
    found = list(csv.DictReader(io.StringIO(to_csv(SCORES))))
    assert found[0] == {
        "Variant": "Fed_Avg", "mAP": "56.7123", "mAP sd": "1.04", "mAP note": "", "Loss": "0.31", "Images": "1200",
    }  # fmt: skip
    assert (found[1]["mAP note"], found[1]["Images"], found[1]["mAP sd"]) == ("client 3", "", "")


def test_latex_is_escaped_bold_and_closed() -> None:
    lines = to_tex(SCORES).splitlines()
    assert lines[:4] == ["% Scores: a & b", r"% \usepackage{booktabs}", r"\begin{tabular}{lrrr}", r"\toprule"]
    assert r"Fed\_Avg & 56.7 $\pm$ 1.0 & 0.31 & 1,200 \\" in lines
    assert r"{}[x] 5 \% & \textbf{58.1} {\footnotesize client 3} & \textbf{0.30} & -- \\" in lines
    total = r"\textbf{Total} & \textbf{--} & \textbf{--} & \textbf{1,207} \\"
    assert lines[-5:-2] == [total, r"\bottomrule", r"\end{tabular}"]
    assert lines.count(r"\midrule") == 2, "one more above the total"
    assert all(line.count(" & ") == 3 for line in lines if line.endswith(r"\\"))


def test_nothing_special_to_latex_is_left() -> None:
    text = escape(r"\input{x} $a_b^c$ #1 ~ 50% & <b> | − ±")
    assert text == (
        r"\textbackslash{}input\{x\} \$a\_b\textasciicircum{}c\$ \#1 \textasciitilde{} 50\% \& "
        r"\textless{}b\textgreater{} \textbar{} $-$ $\pm$"
    )


def test_files_have_names_of_their_own_and_old_ones_go(tmp_path: Path) -> None:
    twice = [SCORES, SCORES, Table("Empty", ("a",), ())]
    assert [name for name, _ in named(twice)] == ["scores-a-b", "scores-a-b-2"]
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "old.csv").write_text("")
    write_tables(twice, tmp_path / "t")
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == [
        "scores-a-b-2.csv", "scores-a-b-2.tex", "scores-a-b.csv", "scores-a-b.tex",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("title", "name"), [("A client's <b>", "a-clients-b"), ("../..", ""), ("Zürich", "zurich"), ("x" * 99, "x" * 60)]
)
def test_a_title_makes_a_file_name(title: str, name: str) -> None:
    assert slug(title) == name


def test_latex_has_no_letter_that_needs_a_package() -> None:
    """What plain pdfLaTeX, with booktabs alone, has no glyph for in its default encoding."""
    assert escape('μ = 0.1 → Θ ≤ „x“ "y"') == r"$\mu$ = 0.1 $\rightarrow$ $\Theta$ $\leq$ ,,x`` ''y''"
