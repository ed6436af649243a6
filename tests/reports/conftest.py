"""What tests of reports share."""

from __future__ import annotations

import pytest

from tests.conftest import leave_out_drawings


@pytest.fixture
def page_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the files of figures, most of a report's time, where a test is about the page."""
    monkeypatch.setattr("fedreid.reports.figure_files.write_png", lambda figure, path: None)
    monkeypatch.setattr("fedreid.reports.figure_files.write_pdf", lambda figure, path: None)


@pytest.fixture
def text_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the drawings as well, where a test is about words and numbers; captions stay."""
    leave_out_drawings(monkeypatch)
