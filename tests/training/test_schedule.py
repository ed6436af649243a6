"""Learning-rate schedules, by hand and against the numbers of spec oracles B5 and B6."""

from __future__ import annotations

import pytest

from fedreid.training import warmup_cosine
from fedreid.training.schedule import cosine_cycles, step_decay, warmup_then_steps


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


def test_falls_by_a_factor_at_each_milestone():
    found = [step_decay(step, 8, milestones=(0.5, 0.75), factor=0.5) for step in range(8)]
    assert found == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25]


@pytest.mark.parametrize("steps", [10, 20, 70, 1000])
def test_milestones_that_are_whole_steps_are_met_exactly(steps):
    for tenth in range(1, 10):
        first_lower = steps * tenth // 10
        assert step_decay(first_lower - 1, steps, milestones=[tenth / 10]) == 1
        assert step_decay(first_lower, steps, milestones=[tenth / 10]) == 0.1


def test_without_milestones_the_rate_stays():
    assert [step_decay(step, 3, milestones=()) for step in range(3)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [(1, 3e-3), (5, 1.5e-2), (10, 3e-2), (11, 3e-2), (150, 3e-2), (151, 3e-3), (225, 3e-3), (226, 3e-4), (350, 3e-4)],
)
def test_warmup_then_steps_of_the_oracle(epoch, rate):
    assert warmup_then_steps(epoch) == pytest.approx(rate, rel=1e-12)


def test_warmup_then_steps_with_other_settings():
    found = [warmup_then_steps(epoch, peak=8, warmup=2, milestones=(3, 4), factor=0.5) for epoch in range(1, 7)]
    assert found == [4, 8, 8, 4, 2, 2]
    assert warmup_then_steps(1, peak=8, warmup=0) == 8


@pytest.mark.parametrize(
    ("cycle", "rates"),
    [
        (0, [0.03, 0.02993961441, 0.02435234703, 0.01567297246, 6.038559007e-5]),
        (1, [0.021, 0.02095773009, 0.01704664292, 0.01097108072, 4.226991305e-5]),
        (2, [0.0147, 0.01467041106, 0.01193265004, 0.007679756503, 2.958893913e-5]),
        (14, [2.034669219e-4, 2.030573729e-4, 1.651632363e-4, 1.062977154e-4, 4.095490045e-7]),
    ],
)
def test_cosine_cycles_of_the_oracle(cycle, rates):
    assert [cosine_cycles(cycle, epoch) for epoch in (0, 1, 10, 17, 34)] == pytest.approx(rates, rel=1e-9)


@pytest.mark.parametrize("cycle", range(15))
def test_each_cycle_starts_at_its_peak_and_falls_but_not_to_zero(cycle):
    found = [cosine_cycles(cycle, epoch) for epoch in range(35)]
    assert found[0] == pytest.approx(3e-2 * 0.7**cycle, rel=1e-12)
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0


def test_cosine_cycles_with_other_settings():
    # Peaks 8 and 4, lowest 2: 2 + (peak - 2) / 2 * (1 + cos(pi e / 2)).
    found = [cosine_cycles(c, e, length=2, peak=8, lowest=2, decay=0.5) for c in range(2) for e in range(2)]
    assert found == pytest.approx([8, 5, 4, 3])


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match="counted from 1, found 0"):
        warmup_then_steps(0)
    with pytest.raises(ValueError, match="counted from 0, found -1"):
        cosine_cycles(-1, 0)
    for wrong in (-1, 35):
        with pytest.raises(ValueError, match=f"epoch must be 0 to 34 in a cycle of 35, found {wrong}"):
            cosine_cycles(0, wrong)
