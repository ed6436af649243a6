"""TAR from a histogram, as FedFR's published code has it: close to the exact one, and interpolated by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fedreid.evaluation import own_pairs, verify_embeddings
from fedreid.evaluation.binned_verification import BINS, binned_tar, histogram


def angles(*degrees: float) -> np.ndarray:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_between_two_points_of_the_curve_it_is_linear():
    # Own: identity 1 at 0 and 30 degrees, identity 2 at 90. Genuine: cos 30 = .866. Impostors within: cos 90 = 0 and
    # cos 60 = .5; with the stranger at 20 degrees: cos 20 = .940, cos 10 = .985, cos 70 = .342. Going down: two of five
    # impostors are accepted before the genuine pair, and none between it and .5: TAR is 0 up to FAR .4, then 1.
    pairs = own_pairs(angles(0, 30, 90), [1, 1, 2], angles(20))
    found = binned_tar(pairs, [0.2, 0.4, 0.5, 1.0])
    assert found == {0.2: 0.0, 0.4: 1.0, 0.5: 1.0, 1.0: 1.0}


def test_all_pairs_are_counted_once():
    generator = np.random.default_rng(0)
    pairs = own_pairs(generator.standard_normal((60, 8)), np.arange(60) % 7, generator.standard_normal((90, 8)))
    assert histogram(pairs.among, is_genuine=True).sum() == pairs.genuine
    assert sum(histogram(region, is_genuine=False).sum() for region in pairs.impostors_in) == pairs.impostors


def test_with_many_scores_it_agrees_with_the_exact_way():
    generator = np.random.default_rng(1)
    ids = np.repeat(np.arange(40), 5)
    features = generator.standard_normal((40, 16))[ids] + generator.standard_normal((200, 16))
    pairs = own_pairs(features, ids, generator.standard_normal((400, 16)))
    rates = [1e-3, 1e-2, 1e-1]
    exact, binned = verify_embeddings(pairs, rates).tar, binned_tar(pairs, rates)
    assert [binned[rate] for rate in rates] == pytest.approx([exact[rate] for rate in rates], abs=0.02)
    assert BINS == 2000


def test_without_pairs_it_says_so():
    with pytest.raises(ValueError, match="0 genuine"):
        binned_tar(own_pairs(angles(0, 90), [1, 2], angles(20)), [0.1])


def test_scores_that_rounding_lifts_above_one_count():
    features = np.random.default_rng(0).standard_normal((1, 64)).repeat(20, axis=0).astype(np.float32)
    pairs = own_pairs(features, np.repeat([0, 1], 10), features[:5])
    assert histogram(pairs.among, is_genuine=True).sum() == pairs.genuine == 90
