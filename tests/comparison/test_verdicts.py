"""From run folders to verdicts: numbers by hand and by an independent computation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fedreid.comparison import (
    COLUMNS,
    Contrast,
    Options,
    Variant,
    comparison_table,
    contrasts,
    group_runs,
    load_run,
    local_only,
)
from fedreid.errors import UserError
from tests.comparison.made_up import make_run

Scores = Mapping[str, Sequence[float]]  # by method, a score for each seed


def by_clients(tmp_path: Path, scores: Scores, *settings: str) -> list[Variant]:
    """Variants whose two clients have the given score in the mean."""
    return group_runs(
        load_run(
            make_run(tmp_path / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}", *settings],
                     clients={0: value - 5, 1: value + 5})
        )
        for method, values in scores.items() for seed, value in enumerate(values)
    )  # fmt: skip


def by_queries(tmp_path: Path, ap: Mapping[str, np.ndarray], people: Sequence[int] | None = None) -> list[Variant]:
    """Variants with the given average precisions (seeds, queries)."""
    return group_runs(
        load_run(
            make_run(tmp_path / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}"],
                     ap={"shop": row.tolist()}, people=people)
        )
        for method, rows in ap.items() for seed, row in enumerate(rows)
    )  # fmt: skip


def one(found: Sequence[Contrast], variant: str, metric: str = "mAP") -> Contrast:
    (chosen,) = [each for each in found if (each.variant, each.metric) == (variant, metric)]
    return chosen


def test_clients_of_their_own_with_each_seed_give_the_paired_t_test(tmp_path: Path) -> None:
    scores = {"fedavg": [50.0, 52.0, 51.0], "fedprox": [53.0, 54.0, 55.5]}
    found = one(contrasts(by_clients(tmp_path, scores)), "FedProx")
    expected = stats.ttest_rel(scores["fedprox"], scores["fedavg"])
    assert found.difference is not None
    assert found.difference.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == (pytest.approx(interval.low), pytest.approx(interval.high))
    assert (found.score.mean, found.score.n, found.difference.mean) == (
        pytest.approx(54.1666667),
        3,
        pytest.approx(19 / 6),
    )
    assert found.difference.over == "seeds"


def test_verdicts_follow_the_corrected_test(tmp_path: Path) -> None:
    """Differences 5, 5.5, 6 (p = 0.003), -5, -5.4, -6 (p = 0.003), 1.5, 2, 2.3 (p = 0.014, and twice that as the third
    of four), and 0.8, 2, 2.4 (p = 0.07)."""
    base = [50.0, 51.0, 52.0]
    gaps = {"moon": [5, 5.5, 6], "fedprox": [0.8, 2, 2.4], "ditto": [-5, -5.4, -6], "fedbn": [1.5, 2, 2.3]}
    scores = {"fedavg": base} | {name: [a + b for a, b in zip(base, gap, strict=True)] for name, gap in gaps.items()}
    found = contrasts(by_clients(tmp_path, scores))
    verdicts = {each.variant: each.verdict for each in found}
    assert verdicts == {
        "FedAvg": "reference", "MOON": "better", "FedProx": "can't tell", "Ditto": "worse", "FedBN": "better",
    }  # fmt: skip
    plain = {name: stats.ttest_1samp(gap, 0).pvalue for name, gap in gaps.items()}
    order = sorted(plain, key=lambda name: plain[name])
    steps = np.maximum.accumulate([plain[name] * (4 - place) for place, name in enumerate(order)])
    titles = {"moon": "MOON", "fedprox": "FedProx", "ditto": "Ditto", "fedbn": "FedBN"}
    for name, corrected in zip(order, steps, strict=True):
        assert one(found, titles[name]).p_corrected == pytest.approx(corrected)
        assert one(found, titles[name]).comparisons == 4


def test_correction_turns_a_verdict(tmp_path: Path) -> None:
    """p = 0.030 alone is better; with seven others that say nothing it is 0.24."""
    base, gap = [50.0, 51.0, 52.0], [1.0, 1.5, 1.8]
    scores = {"fedavg": base, "moon": [a + b for a, b in zip(base, gap, strict=True)]}
    assert one(contrasts(by_clients(tmp_path / "alone", scores)), "MOON").verdict == "better"
    others = {
        name: [value + (-1) ** seed * (1 + place / 9) for seed, value in enumerate(base)]
        for place, name in enumerate(("fedprox", "ditto", "fedbn", "fedper", "fedrep", "fedpav", "fedface"))
    }
    found = one(contrasts(by_clients(tmp_path / "many", scores | others)), "MOON")
    assert found.difference is not None
    assert found.difference.p == pytest.approx(stats.ttest_1samp(gap, 0).pvalue)
    assert found.p_corrected == pytest.approx(8 * found.difference.p)
    assert (found.verdict, found.difference.low > 0) == ("can't tell", True)
    assert found.seeds_needed > 3


def test_the_seeds_needed_would_have_told(tmp_path: Path) -> None:
    """Differences -1, 1, 3: mean 1, sd 2. Half a standard deviation takes 34 seeds, printed tables say."""
    found = one(contrasts(by_clients(tmp_path, {"fedavg": [50, 50, 50], "moon": [49, 51, 53]})), "MOON")
    assert (found.verdict, found.seeds_needed) == ("can't tell", 34)


def anova(differences: np.ndarray) -> tuple[float, float]:
    """Mean and its variance from a table of people by seeds, both drawn at random: mean squares of the two-way
    analysis of variance without replication, (seeds + people - rest) / size."""
    people, seeds = differences.shape
    mean = differences.mean()
    of_people, of_seeds = differences.mean(axis=1) - mean, differences.mean(axis=0) - mean
    rest = differences - mean - of_people[:, None] - of_seeds
    of_rest = (rest**2).sum() / ((people - 1) * (seeds - 1))
    squares = seeds * (of_people**2).sum() / (people - 1), people * (of_seeds**2).sum() / (seeds - 1)
    return mean, (squares[0] + squares[1] - of_rest) / (people * seeds)


def test_people_that_all_seeds_ask_add_to_the_error_as_analysis_of_variance_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.3, 0.6, (3, 200))
    better = base + 0.05 + rng.normal(0, 0.08, 200) + rng.normal(0, 0.02, (3, 200)) + [[0.004], [-0.004], [0.001]]
    found = one(
        contrasts(by_queries(tmp_path, {"fedavg": base, "moon": better}), options=Options(replicates=8000)), "MOON"
    )
    mean, variance = anova(100 * (better - base).T)
    assert found.difference is not None
    assert found.difference.mean == pytest.approx(mean)
    assert found.difference.error**2 == pytest.approx(variance, rel=0.05)
    assert found.difference.over == "seeds and people"
    own = (100 * (better - base)).mean(axis=1).var(ddof=1) / 3
    assert variance > 4 * own, "seeds alone would be far too sure"


def test_people_are_drawn_with_all_their_queries(tmp_path: Path) -> None:
    """Four queries of each person, all alike: the error is that of people, twice that of as many single queries."""
    rng = np.random.default_rng(1)
    people = np.repeat(np.arange(1, 51), 4)
    base = rng.uniform(0.3, 0.6, (3, 200))
    better = base + 0.05 + np.repeat(rng.normal(0, 0.08, 50), 4) + rng.normal(0, 0.001, (3, 200))
    variants = by_queries(tmp_path, {"fedavg": base, "moon": better}, people.tolist())
    by = {name: one(contrasts(variants, options=Options(by=name)), "MOON").difference for name in ("people", "queries")}  # type: ignore[arg-type]
    assert by["people"] is not None
    assert by["queries"] is not None
    of_person = (100 * (better - base)).mean(axis=0).reshape(50, 4).mean(axis=1)
    assert by["people"].error == pytest.approx(of_person.std(ddof=1) / np.sqrt(50), rel=0.05)
    assert by["people"].error / by["queries"].error == pytest.approx(2, rel=0.1)


def test_rank1_and_minp_are_resampled_by_their_own_queries(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    base, other = rng.uniform(0, 0.99, (2, 1, 300))
    variants = by_queries(
        tmp_path, {"fedavg": np.repeat(base, 2, axis=0), "moon": np.stack([other[0], other[0] + 0.01])}
    )
    found = one(contrasts(variants), "MOON", "rank1").difference
    assert found is not None
    hits = 100.0 * ((other[0] >= 0.5).astype(float) - (base[0] >= 0.5))
    assert np.sqrt(found.shared) == pytest.approx(hits.std(ddof=1) / np.sqrt(300), rel=0.1)


def test_test_sets_that_change_with_the_seed_leave_the_t_test_over_seeds(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    runs = [
        load_run(
            make_run(tmp_path / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}"],
                     ap={"shop": rng.uniform(size=20).tolist()}, people=[*range(100 * seed, 100 * seed + 20)])
        )
        for method in ("fedavg", "moon") for seed in range(3)
    ]  # fmt: skip
    found = one(contrasts(group_runs(runs)), "MOON").difference
    assert found is not None
    assert (found.over, found.freedom, found.shared) == ("seeds", pytest.approx(2), 0.0)


def test_a_run_without_scores_of_queries_is_compared_over_seeds(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    ap = {name: rng.uniform(size=(3, 30)) for name in ("fedavg", "moon", "ditto")}
    variants = by_queries(tmp_path, ap)
    old = variants[1].runs[0].path
    (old / "queries" / "shop.csv").unlink()
    (old / "summary.json").write_text('{"status": "finished"}')
    found = contrasts(group_runs(load_run(run.path) for variant in variants for run in variant.runs), metrics=["mAP"])
    overs = {each.variant: each.difference.over for each in found if each.difference}
    assert overs == {"MOON": "seeds", "Ditto": "seeds and people"}


def test_lasting_clients_are_resampled(tmp_path: Path) -> None:
    """Cameras are the same clients with every seed. Client by client the differences are 1, 3, 8 in each seed, give or
    take: their mean has the standard error of three clients."""
    gaps = np.array([[1.0, 3.0, 8.0], [1.2, 3.0, 7.9], [0.9, 3.1, 8.3]])
    runs = [
        load_run(
            make_run(tmp_path / f"{method}-{seed}", seed=seed,
                     settings=[f"method.name={method}", "partition.by=camera"],
                     clients=dict(enumerate((50 + gaps[seed] * is_better).tolist())))
        )
        for method, is_better in (("fedavg", 0), ("moon", 1)) for seed in range(3)
    ]  # fmt: skip
    found = one(contrasts(group_runs(runs), options=Options(replicates=8000)), "MOON").difference
    mean, variance = anova(gaps.T)
    assert found is not None
    assert found.mean == pytest.approx(mean)
    assert found.error**2 == pytest.approx(variance, rel=0.05)
    assert found.over == "seeds and clients"
    assert found.low < 0 < found.mean, "three clients so different leave the mean open"


def test_one_seed_withholds_intervals(tmp_path: Path) -> None:
    found = one(contrasts(by_clients(tmp_path, {"fedavg": [50.0], "moon": [90.0]})), "MOON")
    assert (found.verdict, found.score.n) == ("one seed", 1)
    assert found.difference is not None
    assert found.difference.mean == 40.0
    assert all(math.isnan(value) for value in (found.difference.low, found.difference.p, found.p_corrected))
    assert math.isnan(found.seeds_needed)


def test_equal_runs_are_the_same_and_equal_gaps_say_nothing(tmp_path: Path) -> None:
    scores = {"fedavg": [50.0, 51.0], "moon": [50.0, 51.0], "ditto": [52.0, 53.0]}
    found = contrasts(by_clients(tmp_path, scores))
    assert (one(found, "MOON").verdict, one(found, "Ditto").verdict) == ("the same", "can't tell")
    assert math.isnan(one(found, "Ditto").p_corrected)


def test_a_metric_that_some_runs_lack(tmp_path: Path) -> None:
    made = [
        load_run(
            make_run(tmp_path / f"{method}-{seed}", seed=seed, settings=[f"method.name={method}"],
                     generic={f"shop/{name}": value + seed**2 for name, value in scores.items()})
        )
        for method, scores in (("fedavg", {"a": 1, "b": 2}), ("moon", {"a": 2, "c": 4}), ("ditto", {"b": 5, "a": 3}))
        for seed in range(3)
        if (method, seed) != ("ditto", 1)
    ]  # fmt: skip
    found = contrasts(group_runs(made))
    verdicts = {(each.variant, each.metric): (each.verdict, each.score.n) for each in found}
    assert verdicts["MOON", "b"] == ("missing", 0)
    assert verdicts["FedAvg", "c"] == ("missing", 0)
    assert verdicts["MOON", "c"] == ("no pair", 3)
    assert verdicts["Ditto", "b"][1] == 2
    gap = one(found, "Ditto", "b").difference
    assert gap is not None
    assert (gap.n, gap.mean) == (2, 3.0)


def test_the_table_has_a_row_for_each_variant_and_metric_with_the_number_of_seeds(tmp_path: Path) -> None:
    variants = by_clients(tmp_path, {"fedavg": [50, 51, 52], "moon": [53, 53, 56]})
    table = comparison_table(variants, "MOON")
    assert tuple(table.columns) == COLUMNS
    assert table["variant"].tolist() == ["FedAvg", "MOON"]
    assert table["n"].tolist() == [3, 3]
    assert table["verdict"].tolist()[1] == "reference"
    assert table["difference"].tolist()[0] == pytest.approx(-3)
    assert pd.isna(table["difference"][1])
    assert table["mean"].tolist() == [51.0, 54.0]
    with pytest.raises(UserError, match="reference = 'Nobody' is not one of the variants"):
        comparison_table(variants, "Nobody")
    assert comparison_table(variants, metrics=["rank1"]).empty


def test_swapping_the_reference_turns_differences_and_verdicts(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    base = rng.uniform(0.3, 0.6, (3, 50))
    variants = by_queries(tmp_path, {"fedavg": base, "moon": base + 0.1 + rng.normal(0, 0.02, (3, 50))})
    there, back = one(contrasts(variants, "FedAvg"), "MOON"), one(contrasts(variants, "MOON"), "FedAvg")
    assert there.difference is not None
    assert back.difference is not None
    assert (there.verdict, back.verdict) == ("better", "worse")
    assert there.difference.low == pytest.approx(-back.difference.high)
    assert there.p_corrected == pytest.approx(back.p_corrected)


def test_the_same_seed_of_the_bootstrap_gives_the_same_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    base = rng.uniform(0.3, 0.6, (3, 40))
    variants = by_queries(tmp_path, {"fedavg": base, "moon": base + rng.normal(0, 0.1, 40)})
    pd.testing.assert_frame_equal(comparison_table(variants), comparison_table(variants))
    other = comparison_table(variants, options=Options(seed=1))
    assert not other["low"].equals(comparison_table(variants)["low"])


def test_every_client_alone_can_be_held_against_a_federation(tmp_path: Path) -> None:
    runs = [
        load_run(
            make_run(tmp_path / str(seed), seed=seed, clients={0: 50 + seed, 1: 60}, alone={0: 30, 1: 40 + seed**2})
        )
        for seed in range(3)
    ]
    variants = group_runs(runs)
    alone = local_only(variants[0])
    assert alone is not None
    found = one(contrasts([*variants, alone], "FedAvg"), alone.name)
    assert (found.verdict, found.score.n, found.score.mean) == ("worse", 3, pytest.approx(35 + 5 / 6))
