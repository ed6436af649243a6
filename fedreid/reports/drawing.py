"""One look for all figures, and the two forms they take: SVG that follows the page's colours, PNG on white.

Colours are told apart in every common colour-vision deficiency (Okabe and Ito, Color Universal Design, 2008), and lines
also differ in marker or dash. In the page's SVG each colour becomes a CSS variable, so that dark mode needs no second
figure.
"""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from fedreid.reports.pdf_font import pdf_fonts

INK, MUTED, GRID, PAPER = "#1f2328", "#656d76", "#d8dee4", "#fefefe"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#b0578d", "#b58900", "#3a9bd5")
MARKERS = ("o", "s", "^", "D", "v", "P")
COLOURS = {INK: "ink", MUTED: "muted", GRID: "line", PAPER: "card"} | {
    colour: f"series-{number}" for number, colour in enumerate(SERIES, start=1)
}

WIDTH = 5.4  # inches; on a phone the figure shrinks to two thirds, where 10 points are still readable
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure on every machine
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "svg.fonttype": "none",  # text stays text: small, sharp, searchable
    "figure.dpi": 100,
}


@dataclass(frozen=True)
class Drawing:
    """A figure with its place and its words.

    Attributes:
        name: file name without ending, and anchor in the page.
        section: "curves", "clients", "public" or "costs".
        title, caption: what it shows, and how to read it.
    """

    name: str
    section: str
    title: str
    caption: str
    figure: Figure


def blank(height: float = 3.1) -> tuple[Figure, Axes]:
    """An empty figure with one set of axes. Call inside `mpl.rc_context(STYLE)`."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def legend(axes: Axes, columns: int = 3) -> None:
    """Above the axes, where it hides no line."""
    figure = axes.get_figure()
    assert isinstance(figure, Figure)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper left", ncols=columns, borderaxespad=0.1, handlelength=1.8
    )


def settle(figure: Figure) -> None:
    """Lay a figure out for good: left to itself, matplotlib does so for each form, and draws it once more for that."""
    FigureCanvasAgg(figure)
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def write_png(figure: Figure, path: Path) -> None:
    """Save on a white ground, in twice the screen's resolution."""
    with mpl.rc_context(STYLE):
        settle(figure)
        figure.savefig(path, format="png", dpi=200, facecolor="white", metadata={"Software": None})


def write_pdf(figure: Figure, path: Path) -> None:
    """Save as vectors with their fonts inside, for a paper; the same bytes every time."""
    with mpl.rc_context(STYLE | {"pdf.fonttype": 42, "font.sans-serif": pdf_fonts()}):  # TrueType, as journals want
        settle(figure)
        FigureCanvasPdf(figure)
        figure.savefig(path, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def to_svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as an <svg> element for a page, with the page's colours and font; `alt` is for who can't see it."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}):
        settle(figure)
        FigureCanvasSVG(figure)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _themed(buffer.getvalue(), name, alt)


def _themed(svg: str, name: str, alt: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL
    )  # a style would hold for the page
    size = re.search(r'viewBox="[^"]+"', svg)
    assert size, "matplotlib always writes a viewBox"
    head = f'<svg class="figure" role="img" aria-label="{html.escape(alt)}" {size.group()}>'
    svg = re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1)
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(r' id="(?![mp][0-9a-f]{10}")[^"]*"', "", svg)  # only markers and clip paths are referred to
    svg = re.sub(r"(font(?:-family)?: [^;\"]*?)'DejaVu Sans'[^;\"]*", r"\1var(--font)", svg)
    return re.sub(r"#[0-9a-f]{6}", lambda match: _variable(match.group()), svg)


def _variable(colour: str) -> str:
    return f"var(--{COLOURS[colour]})" if colour in COLOURS else colour
