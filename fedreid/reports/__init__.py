"""What a run found, or a comparison, as a page, as text, as tables and as figures."""

from __future__ import annotations

from pathlib import Path


def write_report(folder: Path) -> Path:
    """Write the report of a run or of a comparison into its folder; see `fedreid.reports.report.write_report`."""
    from fedreid.reports.report import write_report as write  # torch, for words on pruned parts: slow to start

    return write(folder)
