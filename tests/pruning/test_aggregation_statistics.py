"""BatchNorm's statistics in the mean over coverage: pooled (oracle O10 of the pruning specification) or averaged."""

from __future__ import annotations

import numpy as np

from fedreid.pruning.aggregation import CoverageMean, pooled
from fedreid.pruning.maps import TensorMap


def test_oracle_o10_pooled_statistics() -> None:
    mean, variance = pooled(np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]]), np.array([100.0, 300.0]))
    np.testing.assert_allclose(mean, [1.5])
    np.testing.assert_allclose(variance, [1.75])


def test_oracle_o10_of_a_tier() -> None:
    """The same through the streaming mean: for the tier, and at its places of the whole network."""
    previous = {"bn.running_mean": np.zeros(2, np.float32), "bn.running_var": np.full(2, 9, np.float32)}
    rows: TensorMap = {name: (np.array([1]), None) for name in previous}
    mean = CoverageMean(previous, {"half": rows}, pools_statistics=True)
    for value, weight in ((0.0, 100.0), (2.0, 300.0)):
        arrays = {"bn.running_mean": np.array([value], np.float32), "bn.running_var": np.ones(1, np.float32)}
        mean.add(arrays, weight, "half")
    whole = mean.mean()
    np.testing.assert_allclose(mean.tier_statistics["half"]["bn.running_mean"], [1.5])
    np.testing.assert_allclose(mean.tier_statistics["half"]["bn.running_var"], [1.75])
    np.testing.assert_allclose(whole["bn.running_mean"], [0, 1.5])
    np.testing.assert_allclose(whole["bn.running_var"], [9, 1.75])


def test_variances_are_averaged_where_they_are_not_pooled() -> None:
    mean = CoverageMean({"bn.running_mean": np.zeros(1), "bn.running_var": np.zeros(1)}, {"t": {}})
    for value in (0.0, 2.0):
        mean.add({"bn.running_mean": np.array([value]), "bn.running_var": np.ones(1)}, 1.0, "t")
    assert mean.mean()["bn.running_var"] == 1


def test_statistics_of_nested_tiers_are_pooled_where_they_overlap() -> None:
    previous = {"bn.running_mean": np.zeros(3), "bn.running_var": np.full(3, 9.0)}
    maps: dict[str, TensorMap] = {
        tier: dict.fromkeys(previous, (rows, None)) for tier, rows in (("2", np.array([0, 2])), ("1", np.array([2])))
    }
    mean = CoverageMean(previous, maps, pools_statistics=True)
    mean.add({"bn.running_mean": np.array([5.0, 0.0]), "bn.running_var": np.array([4.0, 1.0])}, 100, "2")
    mean.add({"bn.running_mean": np.array([2.0]), "bn.running_var": np.array([1.0])}, 300, "1")
    found = mean.mean()
    np.testing.assert_allclose(found["bn.running_mean"], [5, 0, 1.5])
    np.testing.assert_allclose(found["bn.running_var"], [4, 9, 1.75])
    np.testing.assert_allclose(mean.tier_statistics["2"]["bn.running_var"], [4, 1])
    np.testing.assert_allclose(mean.tier_statistics["1"]["bn.running_var"], [1])
