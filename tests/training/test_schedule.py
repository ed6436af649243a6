"""Linear warm-up and cosine decay, by hand."""

from __future__ import annotations

import pytest

from fedreid.training import warmup_cosine


def test_rises_linearly_then_falls_as_a_cosine():
    found = [warmup_cosine(step, 8, warmup=0.5) for step in range(8)]
    # Four steps up to 1; then (1 + cos(pi k / 5)) / 2 for k = 1..4.
    assert found == pytest.approx([0.25, 0.5, 0.75, 1.0, 0.9045085, 0.6545085, 0.3454915, 0.0954915])


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 1000])
def test_peaks_at_one_and_stays_positive(steps):
    found = [warmup_cosine(step, steps) for step in range(steps)]
    assert max(found) == 1
    assert min(found) > 0
    peak = found.index(1)
    assert found[: peak + 1] == sorted(found[: peak + 1])
    assert found[peak:] == sorted(found[peak:], reverse=True)
