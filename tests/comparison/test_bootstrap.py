"""Resampling people and clients: against enumeration, and against loops written the obvious way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fedreid.comparison.bootstrap import resampled_counts, resampled_means, shared_variance


def test_as_many_are_drawn_as_there_are_however_they_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate([*resampled_counts(7, 50, np.random.default_rng(0))])
    assert whole.shape == (50, 7)
    assert (whole.sum(axis=1) == 7).all()
    monkeypatch.setattr("fedreid.comparison.bootstrap.BLOCK", 21)
    blocks = [*resampled_counts(7, 50, np.random.default_rng(0))]
    assert len(blocks) == 17
    assert (np.concatenate(blocks) == whole).all()


def test_counts_are_drawn_evenly() -> None:
    """Each count is binomial (n, 1/n): mean 1, variance 1 - 1/n."""
    counts = np.concatenate([*resampled_counts(5, 20_000, np.random.default_rng(1))])
    assert counts.mean(axis=0) == pytest.approx(np.ones(5), abs=0.03)
    assert counts.var(axis=0) == pytest.approx(np.full(5, 0.8), abs=0.03)
    assert np.corrcoef(counts[:, 0], counts[:, 1])[0, 1] == pytest.approx(-0.25, abs=0.03)


def test_means_have_the_distribution_of_all_possible_samples() -> None:
    """Three people with 2, 1 and 1 queries: each of the 27 samples, weighted by queries."""
    totals, queries = np.array([30.0, 40.0, 80.0]), np.array([2.0, 1.0, 1.0])
    possible = [
        sum(totals[person] for person in drawn) / sum(queries[person] for person in drawn)
        for drawn in itertools.product(range(3), repeat=3)
    ]
    found = resampled_means(totals[:, None], queries, replicates=40_000, rng=np.random.default_rng(2))[:, 0]
    assert set(found.round(9)) == {round(value, 9) for value in possible}
    assert found.mean() == pytest.approx(np.mean(possible), rel=0.01)
    assert found.std() == pytest.approx(np.std(possible), rel=0.02)


def test_all_columns_are_resampled_together() -> None:
    totals = np.random.default_rng(3).normal(size=(20, 1)) * [1.0, 2.0, -1.0]
    found = resampled_means(totals, np.ones(20), replicates=100, rng=np.random.default_rng(4))
    assert found[:, 1] == pytest.approx(2 * found[:, 0])
    assert found[:, 2] == pytest.approx(-found[:, 0])


def test_shared_variance_is_the_mean_covariance_between_seeds() -> None:
    """Covariances of three seeds, by loops: 6 ordered pairs."""
    means = np.random.default_rng(5).normal(size=(40, 3)) + np.random.default_rng(6).normal(size=(40, 1))
    pairs = [np.cov(means[:, one], means[:, other])[0, 1] for one, other in itertools.permutations(range(3), 2)]
    assert shared_variance(means, 10) == pytest.approx(np.mean(pairs) * 10 / 9)


def test_it_is_never_negative_and_needs_two_seeds_and_two_units() -> None:
    means = np.array([[1.0, -1.0], [-1.0, 1.0], [2.0, -2.0]])
    assert shared_variance(means, 10) == 0.0
    assert shared_variance(means[:, :1], 10) == 0.0
    assert shared_variance(np.abs(means), 1) == 0.0


def test_it_finds_what_people_contribute_and_leaves_out_what_seeds_do() -> None:
    """300 people with effects of variance 4 that all seeds see, and noise of variance 9 of their own in each seed: the
    shared variance is 4 / 300, however large the seeds' own differences are."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(60):
        scores = rng.normal(0, 2, (300, 1)) + rng.normal(0, 3, (300, 4)) + rng.normal(0, 50, 4)
        means = resampled_means(scores, np.ones(300), replicates=150, rng=rng)
        found.append(shared_variance(means, 300))
    assert np.mean(found) == pytest.approx(4 / 300, rel=0.1)
