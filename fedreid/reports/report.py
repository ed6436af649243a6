"""From a run's folder, or a comparison's, to its report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path

from fedreid.comparison.compared import compared_again, is_comparison
from fedreid.errors import RunError
from fedreid.reports.comparison_page import write_comparison_report
from fedreid.reports.drawing import Drawing
from fedreid.reports.figure_files import write_figures
from fedreid.reports.figures import draw
from fedreid.reports.findings import find
from fedreid.reports.loading import read_run
from fedreid.reports.markdown import to_markdown
from fedreid.reports.page import Content, content_of, to_html
from fedreid.reports.table_files import write_tables
from fedreid.reports.tables import Table
from fedreid.reports.words import start_name


def write_report(folder: Path) -> Path:
    """Write the report of a run, or of a comparison, into its folder: from the files that are there, without running.

    report.html, report.md, figures/*.png and .pdf, tables/*.csv and .tex.

    Returns:
        The page.

    Raises:
        UserError: the folder is neither a complete run folder nor that of a comparison; the message names the file.
        RunError: the report can't be written.
    """
    folder = Path(folder)
    if is_comparison(folder):
        return write_comparison_report(compared_again(folder))
    run = read_run(folder)
    findings = find(run)
    content, drawings = content_of(run, findings), list(draw(findings, start_name(run)))
    return _write(run.path, content, drawings)


def _write(folder: Path, content: Content, drawings: Sequence[Drawing]) -> Path:
    page = folder / "report.html"
    try:
        page.write_text(to_html(content, drawings), encoding="utf-8")
        (folder / "report.md").write_text(to_markdown(content, drawings), encoding="utf-8")
        write_figures(drawings, folder / "figures")
        write_tables(_tables(content), folder / "tables")
    except OSError as error:
        raise RunError(f"{folder}: the report can't be written: {error.strerror}") from error
    return page


def _tables(content: Content) -> Iterable[Table]:
    """All tables of the page, in its order."""
    for field in fields(content):
        value = getattr(content, field.name)
        if isinstance(value, list):
            yield from (each for each in value if isinstance(each, Table))
