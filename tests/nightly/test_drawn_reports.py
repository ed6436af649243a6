"""The report of a real run of every method, with all of its pictures; `make test` draws that of FedFR."""

from __future__ import annotations

from pathlib import Path

import pytest

import fedreid
from tests.federation.runs import METHODS, SHORT


@pytest.mark.parametrize("method", METHODS)
def test_it_is_drawn(method: str, scenario: Path, tmp_path: Path) -> None:
    result = fedreid.run(scenario, out=tmp_path / "run", overrides=[*SHORT, *METHODS[method]])
    pictures = list((result.run_dir / "figures").iterdir())
    assert pictures
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert result.report.read_text(encoding="utf-8").count('<svg class="figure"') == len(pictures)
