"""Looking at a dataset as `fedreid data check` does, and what is said of it."""

from __future__ import annotations

from pathlib import Path

from fedreid.data.checking.check import check
from fedreid.data.checking.report import Report


def looked_at(folder: Path, format: str | None = None, *, pattern: str = "", fast: bool = False) -> Report:
    """The report on a folder, with a cache beside it."""
    return check(folder, format, cache=folder.parent / "cache", camera_pattern=pattern, fast=fast)


def texts(report: Report, level: str) -> list[str]:
    """What the findings of a level say."""
    return [finding.text for finding in report.of(level)]


def paths(report: Report, text: str) -> tuple[str, ...]:
    """What the one finding is about that says this."""
    (found,) = [finding for finding in report.findings if text in finding.text]
    return found.paths
