"""Whom a score is a mean over: people, queries, clients; with one of each drawn, the score itself must come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fedreid.comparison import FinishedRun, Variant, load_run
from fedreid.comparison.units import resampled_clients, resampled_people
from tests.comparison.made_up import make_run


@pytest.fixture
def each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One replicate, in which everybody is drawn once."""

    def counts(units: int, replicates: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        yield np.ones((1, units))

    monkeypatch.setattr("fedreid.comparison.bootstrap.resampled_counts", counts)


def people_of(runs: list[FinishedRun], by: str = "people", metrics: tuple[str, ...] = ("mAP", "rank1", "mINP")):  # type: ignore[no-untyped-def]
    variants = [Variant(str(place), (run,)) for place, run in enumerate(runs)]
    return resampled_people(
        variants, "shop", metrics, by=by, replicates=1, rng=np.random.default_rng(0)  # type: ignore[arg-type]
    )  # fmt: skip


def with_queries(tmp_path: Path, rows: list[tuple[object, ...]], name: str = "run") -> FinishedRun:
    run = load_run(make_run(tmp_path / name, clients={0: 1.0}))
    table = pd.DataFrame(rows, columns=["draw", "identity", "camera", "AP", "INP", "rank"])
    return replace(run, queries={"shop": table.astype({"AP": float, "INP": float, "rank": float})})


@pytest.mark.parametrize(("by", "units"), [("people", 2), ("queries", 4)])
def test_draws_count_alike_and_queries_without_a_match_not_at_all(
    tmp_path: Path, each_once: None, by: str, units: int
) -> None:
    """The mean over draws of means over queries: (0.2 + 0.4 + 0.6) / 3 = 0.4 and 1.0 give 0.7."""
    rows = [
        (0, 1, 1, 0.2, 0.1, 3), (0, 1, 2, 0.4, 0.2, 1), (0, 2, 1, 0.6, 0.3, 1), (0, 3, 1, None, None, None),
        (1, 1, 1, 1.0, 0.5, 1),
    ]  # fmt: skip
    found = people_of([with_queries(tmp_path, rows)], by)
    assert found["mAP"].units == units
    assert found["mAP"].means == pytest.approx(np.array([[70.0]]))
    assert found["mINP"].means == pytest.approx(np.array([[35.0]]))
    assert found["rank1"].means == pytest.approx(np.array([[(100 * 2 / 3 + 100) / 2]]))


def test_runs_must_have_asked_the_same_queries(tmp_path: Path) -> None:
    rows = [(0, 1, 1, 0.2, 0.1, 3), (0, 2, 2, 0.4, 0.2, 1)]
    one = with_queries(tmp_path, rows, "one")
    others = {
        "person": [(0, 1, 1, 0.2, 0.1, 3), (0, 9, 2, 0.4, 0.2, 1)],
        "camera": [(0, 1, 7, 0.2, 0.1, 3), (0, 2, 2, 0.4, 0.2, 1)],
        "match": [(0, 1, 1, 0.2, 0.1, 3), (0, 2, 2, None, None, None)],
        "number": rows[:1],
    }
    for name, changed in others.items():
        assert people_of([one, with_queries(tmp_path, changed, name)]) == {}
    assert set(people_of([one, with_queries(tmp_path, rows, "same")])) == {"mAP", "rank1", "mINP"}


def test_other_scores_have_no_queries(tmp_path: Path) -> None:
    run = with_queries(tmp_path, [(0, 1, 1, 0.2, 0.1, 3), (0, 2, 2, 0.4, 0.2, 1)])
    assert people_of([run], metrics=("TAR@FAR=1e-4", "accuracy")) == {}
    assert people_of([replace(run, queries={})]) == {}


def test_clients_are_resampled_where_they_last(tmp_path: Path, each_once: None) -> None:
    def found(*clients: dict[int, float], by: str = "camera"):  # type: ignore[no-untyped-def]
        runs = [
            load_run(make_run(tmp_path / by / f"{len(clients)}-{place}", seed=place, clients=each,
                              settings=[f"partition.by={by}"]))
            for place, each in enumerate(clients)
        ]  # fmt: skip
        variants = [Variant("a", tuple(runs))]
        return resampled_clients(variants, ("shop",), "mAP", replicates=1, rng=np.random.default_rng(0))

    both = found({0: 40, 1: 60}, {0: 50, 1: 90})
    assert both is not None
    assert both.means == pytest.approx(np.array([[50.0, 70.0]]))
    assert both.units == 2
    assert found({0: 40}, by="identity") is None
    assert found({0: 40, 1: 50}, {0: 60}, {0: 1, 1: 2}) is None, "a run lacks a client"
