"""Rows into figures: names, means and sums by hand, and the last round against summary.json's own computation."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid import wire
from fedreid.trackers import TrackedRun
from fedreid.trackers.figures import COUNTS, RoundFigures, totals
from server.summary import final_metrics
from tests.trackers.conftest import METRICS, SERIES, TOTALS, write_rounds

HEADER = METRICS.splitlines()[0]


def series(rounds: list[tuple[int, dict[str, float]]]) -> dict[str, list[tuple[int, float | None]]]:
    found: dict[str, list[tuple[int, float | None]]] = {}
    for number, figures in rounds:
        for name, value in figures.items():
            found.setdefault(name, []).append((number, None if math.isnan(value) else value))
    return found


def test_figures_are_those_that_pencil_and_paper_give(finished: TrackedRun) -> None:
    assert series([*RoundFigures(finished.path).up_to(2)]) == SERIES  # type: ignore[list-item]


def test_each_round_comes_once_and_none_before_it_is_saved(finished: TrackedRun) -> None:
    figures = RoundFigures(finished.path)
    assert [number for number, _ in figures.up_to(0)] == [0]
    assert [number for number, _ in figures.up_to(1)] == [1]
    assert [*figures.up_to(1)] == []
    assert [number for number, _ in figures.up_to(9)] == [2]


def test_a_file_that_grows_gives_the_same_figures_as_a_whole_one(run: TrackedRun) -> None:
    figures, found = RoundFigures(run.path), []
    assert [*figures.up_to(0)] == []  # it isn't there yet
    for last in range(3):
        write_rounds(run.path, last)
        found += figures.up_to(last)
    assert series(found) == SERIES  # type: ignore[arg-type]


def test_a_last_line_that_a_kill_cut_waits_for_its_end(run: TrackedRun) -> None:
    path = run.path / "metrics.csv"
    path.write_text(f"{HEADER}\n1,generic,,shop,mAP,12.5\n1,generic,,shop,rank1,3")
    figures = RoundFigures(run.path)
    assert [*figures.up_to(1)] == [(1, {"generic/shop/mAP": 12.5})]
    path.write_text(path.read_text() + "5.5\n")
    assert [*figures.up_to(1)] == [(1, {"generic/shop/rank1": 35.5})]


def test_a_cost_of_the_whole_federation_is_not_added_to_its_clients(run: TrackedRun) -> None:
    rows = ("1,cost,0,,simulated_seconds,4.0", "1,cost,1,,simulated_seconds,6.0", "1,cost,,,simulated_seconds,7.0")
    (run.path / "metrics.csv").write_text("\n".join([HEADER, *rows, ""]))
    assert [*RoundFigures(run.path).up_to(1)] == [(1, {"cost/simulated_seconds": 7.0})]


def test_totals_are_time_traffic_and_references(finished: TrackedRun) -> None:
    summary = {"timing": {"total_seconds": 8.0}, "traffic": {"bytes_up": 500}, "final": {"generic/shop/mAP": 25.0}}
    assert totals(finished.path, summary) == TOTALS


def test_counts_are_those_that_clients_may_send() -> None:
    assert {*COUNTS} == {"queries", "skipped", *wire.OPEN_SET_COUNTS}


scores = st.tuples(
    st.integers(0, 4),
    st.sampled_from(["generic", "personalized"]),
    st.sampled_from(["mAP", "rank1", "local_model/mAP", "queries"]),
    st.integers(0, 3),
    st.floats(0, 100),
)


@given(rows=st.dictionaries(scores.map(lambda row: row[:4]), st.floats(0, 100), min_size=1, max_size=40))
def test_the_last_figures_are_those_of_the_summary(
    rows: dict[tuple[int, str, str, int], float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder: Path = tmp_path_factory.mktemp("run")
    lines = [
        f"{number},{scope},{client if scope == 'personalized' else ''},shop,{metric},{value!r}"
        for (number, scope, metric, client), value in sorted(rows.items())
    ]
    (folder / "metrics.csv").write_text("\n".join([HEADER, *lines, ""]))
    last: dict[str, float] = {}
    for _, figures in RoundFigures(folder).up_to(4):
        last |= figures
    assert last == final_metrics(folder)[0]
