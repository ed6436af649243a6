"""Absence by a seeded chain: the shares and lengths that were asked for, in any order of asking; and traces."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.errors import UserError
from fedreid.scenario.system_schema import SystemSettings
from fedreid.system import Availability, read_trace
from fedreid.system.availability import leaving


def states(settings: SystemSettings, clients: int, rounds: int, seed: int = 0) -> np.ndarray:
    """bool (clients, rounds)."""
    found = Availability(settings, seed, clients)
    present = [found.present(number) for number in range(1, rounds + 1)]
    return np.array([[client in each for each in present] for client in range(clients)])


@given(availability=st.floats(0.05, 1), length=st.floats(1, 30))
def test_the_chain_is_stationary_at_the_share_that_was_asked_for(availability: float, length: float) -> None:
    stay_away, leave = leaving(availability, length)
    assert (1 - availability) * (1 - stay_away) == pytest.approx(availability * leave)


def test_shares_and_lengths_of_absences() -> None:
    found = states(SystemSettings(availability=0.8, absence_rounds=4), clients=40, rounds=1000)
    assert found.mean() == pytest.approx(0.8, abs=0.02)
    lengths = [len(list(spell)) for row in found for is_there, spell in groupby(row) if not is_there]
    assert np.mean(lengths) == pytest.approx(4, abs=0.25)


def test_without_memory_rounds_are_drawn_on_their_own() -> None:
    found = states(SystemSettings(availability=0.5), clients=40, rounds=1000)
    again = found[:, 1:][found[:, :-1]].mean(), found[:, 1:][~found[:, :-1]].mean()
    assert again == pytest.approx((0.5, 0.5), abs=0.02)


@given(seed=st.integers(0, 2**32 - 1), first=st.integers(1, 30))
def test_the_order_of_asking_does_not_matter(seed: int, first: int) -> None:
    """A run that goes on asks for a late round first."""
    settings = SystemSettings(availability=0.5, absence_rounds=2, dropout=0.3, stragglers=0.3)
    late, early = Availability(settings, seed, 3), Availability(settings, seed, 3)
    at_once = late.present(first)
    assert [early.present(number) for number in range(1, first + 1)][-1] == at_once
    assert [late.answers(1, first), late.slowdown(1, first)] == [early.answers(1, first), early.slowdown(1, first)]


def test_everybody_is_there_unless_told_otherwise() -> None:
    found = Availability(SystemSettings(), 0, 3)
    assert found.present(7) == [0, 1, 2]
    assert all(found.answers(client, 7) and found.slowdown(client, 7) == 1 for client in range(3))


def test_shares_of_stragglers_and_dropouts() -> None:
    found = Availability(SystemSettings(dropout=0.2, stragglers=0.3, slowdown=5), 0, 50)
    every = [(client, number) for client in range(50) for number in range(1, 41)]
    assert np.mean([found.answers(*one) for one in every]) == pytest.approx(0.8, abs=0.03)
    assert np.mean([found.slowdown(*one) == 5 for one in every]) == pytest.approx(0.3, abs=0.03)


def test_a_trace_makes_clients_absent_and_slow(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("client,first_round,last_round,slowdown\n1,2,3,0\n0,3,3,2.5\n0,3,9,2\n")
    found = Availability(SystemSettings(), 0, 2, read_trace(path, 2))
    assert [found.present(number) for number in range(1, 5)] == [[0, 1], [0], [0], [0, 1]]
    assert [found.slowdown(0, number) for number in (2, 3, 9, 10)] == [1, 5, 2, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("client,round\n", "expected the columns client,first_round,last_round,slowdown"),
        ("client,first_round,last_round,slowdown\n1,2,x,0\n", "line 2: expected four numbers"),
        ("client,first_round,last_round,slowdown\n1,2,3\n", "line 2: expected four numbers"),
        ("client,first_round,last_round,slowdown\n2,2,3,0\n", "line 2: client 2, and this federation has 0 to 1"),
        ("client,first_round,last_round,slowdown\n1,2,3,0\n1,0,3,0\n", "line 3: rounds 0 to 3"),
        ("client,first_round,last_round,slowdown\n1,4,3,0\n", "line 2: rounds 4 to 3"),
        ("client,first_round,last_round,slowdown\n1,2,3,0.5\n", "slowdown 0.5: 0 is absent, 1 or more is slow"),
        ("client,first_round,last_round,slowdown\n1,2,3,nan\n", "slowdown nan"),
    ],
)
def test_a_trace_without_sense_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_trace(path, 2)


def test_a_trace_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"system\.trace: .*no\.csv can't be read"):
        read_trace(tmp_path / "no.csv", 2)
