"""A small dataset in Market-1501's layout, for the tests of checking one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import write_market


@pytest.fixture(scope="package")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Market-1501's layout: 3 people to train on and 2 for the test, 3 images on each of 2 cameras."""
    return write_market(tmp_path_factory.mktemp("market") / "market", identities=3, test_identities=2)


@pytest.fixture
def market(written: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "market"))
