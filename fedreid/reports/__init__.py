"""What a run found, as a page, as text and as figures."""

from fedreid.reports.report import write_report

__all__ = ["write_report"]
