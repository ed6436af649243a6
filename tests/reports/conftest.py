"""What tests of reports share."""

from __future__ import annotations

import pytest


@pytest.fixture
def page_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the PNG files, half of a report's time, where a test is about the page."""
    monkeypatch.setattr("fedreid.reports.report.write_png", lambda figure, path: None)


@pytest.fixture
def text_only(monkeypatch: pytest.MonkeyPatch, page_only: None) -> None:
    """Leave out the drawings as well, where a test is about words and numbers; captions stay."""
    monkeypatch.setattr("fedreid.reports.page.to_svg", lambda figure, name, alt: "<svg></svg>")
