"""Runs of the ServerApp are quick to test without pictures in their reports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import leave_out_drawings


@pytest.fixture(scope="package", autouse=True)
def without_drawings() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        leave_out_drawings(patch)
        yield
