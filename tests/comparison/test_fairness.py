"""How unequally clients fare, by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fedreid.comparison import fairness, fairness_table, group_runs, load_run
from tests.comparison.made_up import make_run


def variants(tmp_path: Path, *clients: dict[int, float], by: str = "camera"):  # type: ignore[no-untyped-def]
    return group_runs(
        load_run(make_run(tmp_path / str(seed), seed=seed, settings=[f"partition.by={by}"], clients=each))
        for seed, each in enumerate(clients)
    )


def test_spread_and_worst_client_by_hand(tmp_path: Path) -> None:
    """Client means over two seeds: 50, 60, 52. Spreads: of 40, 60, 50 it is 10, of 60, 60, 54 sqrt(12). The lowest are
    40 and 54."""
    (found,) = fairness(variants(tmp_path, {0: 40, 1: 60, 2: 50}, {0: 60, 1: 60, 2: 54}))
    assert (found.worst_client, found.worst, found.best_client, found.best) == (0, 50.0, 1, 60.0)
    assert found.spread == pytest.approx((10 + math.sqrt(12)) / 2)
    assert found.lowest == 47.0
    assert (found.n, found.clients, found.is_lasting) == (2, 3, True)


def test_clients_drawn_anew_with_each_seed_are_marked(tmp_path: Path) -> None:
    (found,) = fairness(variants(tmp_path, {0: 40, 1: 60}, by="identity"))
    assert not found.is_lasting


def test_one_client_has_no_spread_and_no_score_no_row(tmp_path: Path) -> None:
    found = variants(tmp_path, {3: 40})
    (row,) = fairness(found)
    assert math.isnan(row.spread)
    assert (row.worst_client, row.worst) == (3, 40.0)
    assert fairness(found, "rank1") == []
    assert fairness_table(found, "rank1").empty


def test_the_table_has_the_same_numbers(tmp_path: Path) -> None:
    found = variants(tmp_path, {0: 40, 1: 60, 2: 50})
    (row,) = fairness_table(found).to_dict("records")
    assert (row["variant"], row["worst"], row["spread"]) == (found[0].name, 40.0, 10.0)
