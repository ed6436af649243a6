"""From a run folder to its report."""

from __future__ import annotations

from pathlib import Path

from fedreid.errors import RunError
from fedreid.reports.drawing import write_png
from fedreid.reports.figures import draw
from fedreid.reports.findings import find
from fedreid.reports.loading import read_run
from fedreid.reports.markdown import to_markdown
from fedreid.reports.page import content_of, to_html
from fedreid.reports.words import start_name


def write_report(run_dir: Path) -> Path:
    """Write report.html, report.md and figures/*.png into a run folder, from its other files alone.

    Returns:
        The page.

    Raises:
        UserError: the folder is not a complete run folder; the message names the file.
        RunError: the report can't be written.
    """
    run = read_run(Path(run_dir))
    findings = find(run)
    content, drawings = content_of(run, findings), list(draw(findings, start_name(run)))
    page = run.path / "report.html"
    try:
        page.write_text(to_html(content, drawings), encoding="utf-8")
        (run.path / "report.md").write_text(to_markdown(content, drawings), encoding="utf-8")
        (run.path / "figures").mkdir(exist_ok=True)
        for drawing in drawings:
            write_png(drawing.figure, run.path / "figures" / f"{drawing.name}.png")
    except OSError as error:
        raise RunError(f"{run.path}: the report can't be written: {error.strerror}") from error
    return page
