"""Figures as files: PDF with TrueType letters, the same every time; those of an earlier report go."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest

from fedreid.reports import pdf_font
from fedreid.reports.drawing import STYLE, Drawing, blank, write_pdf
from fedreid.reports.figure_files import write_figures


def drawing(name: str = "one") -> Drawing:
    with mpl.rc_context(STYLE):
        figure, axes = blank()
        axes.plot([1, 2])
        axes.set_title("mAP − ± Zürich αβ Ж", weight="bold")
    return Drawing(name, "curves", "Title", "Caption", figure)


def test_a_pdf_has_its_letters_inside_and_repeats(tmp_path: Path) -> None:
    for name in ("one.pdf", "two.pdf"):
        write_pdf(drawing().figure, tmp_path / name)
    content = (tmp_path / "one.pdf").read_bytes()
    assert content == (tmp_path / "two.pdf").read_bytes()
    assert b"/CIDFontType2" in content
    assert b"/FontFile2" in content
    assert b"/Type3" not in content


def test_without_a_place_for_the_small_font_the_whole_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(weight: str) -> Path:
        raise PermissionError(13, "no")

    monkeypatch.setattr(pdf_font, "_small", refuse)
    pdf_font.pdf_fonts.cache_clear()
    assert pdf_font.pdf_fonts() == ["DejaVu Sans"]
    pdf_font.pdf_fonts.cache_clear()


def test_figures_of_an_earlier_report_go(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "old.png").write_bytes(b"")
    write_figures([drawing("new")], folder)
    assert sorted(path.name for path in folder.iterdir()) == ["new.pdf", "new.png"]
    assert (folder / "new.png").read_bytes().startswith(b"\x89PNG")
