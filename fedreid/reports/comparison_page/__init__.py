"""The report of a comparison: which variant won, by how much, how sure that is, and at which cost."""

from fedreid.reports.comparison_page.page import write_comparison_report

__all__ = ["write_comparison_report"]
