"""report.html and report.md of a comparison, with its tables and figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from fedreid.comparison.held_against import Comparison
from fedreid.errors import RunError
from fedreid.reports.comparison_figures import comparison_figures
from fedreid.reports.comparison_page import finds
from fedreid.reports.comparison_page.content import ComparisonContent, content_of
from fedreid.reports.comparison_page.markdown import to_markdown
from fedreid.reports.drawing import STYLE, Drawing
from fedreid.reports.environment import by_section, environment, style
from fedreid.reports.figure_files import write_figures
from fedreid.reports.table_files import write_tables


def write_comparison_report(found: Comparison) -> Path:
    """Write report.html, report.md, tables/ and figures/ into a comparison's folder.

    Returns:
        The page.

    Raises:
        RunError: they can't be written.
    """
    content, drawings = content_of(found), _drawings(found)
    try:
        found.report.write_text(to_html(content, drawings), encoding="utf-8")
        (found.out / "report.md").write_text(to_markdown(content, drawings), encoding="utf-8")
        write_figures(drawings, found.out / "figures")
        write_tables(content.tables, found.out / "tables")
    except OSError as error:
        raise RunError(f"{found.out}: the report can't be written: {error.strerror}") from error
    return found.report


def to_html(content: ComparisonContent, drawings: Sequence[Drawing]) -> str:
    """The page, which needs nothing else."""
    page = environment().get_template("comparison.html.jinja")
    return page.render(content=content, figures=by_section(drawings), style=style("page.css", "finds.css"))


def _drawings(found: Comparison) -> list[Drawing]:
    with mpl.rc_context(STYLE):
        drawings = list(comparison_figures(found.variants, found.contrasts, found.reference))
        return [*drawings, *finds.figures(finds.examples_of(found))]
