"""Figures as files: PNG to look at and to paste, PDF for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedreid.reports.drawing import Drawing, write_pdf, write_png


def write_figures(drawings: Sequence[Drawing], folder: Path) -> None:
    """Write every figure as NAME.png and NAME.pdf, and remove those of an earlier report.

    Raises:
        OSError: the folder can't be written.
    """
    folder.mkdir(exist_ok=True)
    for old in [*folder.glob("*.png"), *folder.glob("*.pdf")]:
        old.unlink()
    for drawing in drawings:
        write_png(drawing.figure, folder / f"{drawing.name}.png")
        write_pdf(drawing.figure, folder / f"{drawing.name}.pdf")
