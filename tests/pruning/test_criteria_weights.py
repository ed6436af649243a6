"""Weight criteria against the numbers of spec oracle O1."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fedreid.pruning.criteria import bn_scale, fpgm, l1, l2, mixed_fpgm_order, sparsity
from fedreid.pruning.selection import removal_order
from tests.oracles.pruning import O1_FILTERS

WEIGHT = torch.tensor(O1_FILTERS, dtype=torch.float64).reshape(5, 2, 1, 2)


@pytest.mark.parametrize(
    ("criterion", "scores", "order"),
    [
        (l1, [10, 2, 6, 9, 9.5], [1, 2, 3, 4, 0]),
        (l2, [5.477226, 1, 6, 4.795832, 5.123475], [1, 3, 4, 0, 2]),
        (sparsity, [0.75, 0, 0.25, 0.75, 0.75], [1, 2, 0, 3, 4]),
        (fpgm, [25.188277, 21.824624, 28.388732, 23.335533, 33.567865], [1, 3, 0, 2, 4]),
    ],
)
def test_scores_and_order_of_the_oracle(criterion, scores, order):
    found = criterion(WEIGHT)
    torch.testing.assert_close(found, torch.tensor(scores, dtype=torch.float64), rtol=0, atol=5e-7)
    assert removal_order(found).tolist() == order


def test_fpgm_keeps_the_sign_of_the_weights():
    """On squared weights F0, F3 and F4 lie together, and F3 would go first."""
    wrong = torch.tensor([68.892789, 82.459021, 151.300779, 60.658475, 60.703291], dtype=torch.float64)
    torch.testing.assert_close(fpgm(WEIGHT.square()), wrong, rtol=0, atol=5e-7)
    assert removal_order(wrong).tolist() == [3, 4, 0, 1, 2]
    assert removal_order(fpgm(WEIGHT))[0] == 1


def test_mixed_fpgm_of_the_oracle():
    """Of F0 to F3 the norm drops F1; among the others the distances are 8.348469, 14.204124 and 7.855655."""
    assert mixed_fpgm_order(WEIGHT[:4], rate_norm=0.75, rate_dist=0.25).tolist() == [1, 3]
    expected = torch.tensor([8.348469, 14.204124, 7.855655], dtype=torch.float64)
    torch.testing.assert_close(fpgm(WEIGHT[[0, 2, 3]]), expected, rtol=0, atol=5e-7)


def test_fpgm_alone_is_the_mixed_mode_without_the_norm():
    assert mixed_fpgm_order(WEIGHT, rate_dist=0.6).tolist() == [1, 3, 0]


@pytest.mark.parametrize(("norm", "distance"), [(0.0, 0.1), (1.2, 0.1), (0.5, 1.0), (0.5, -0.1)])
def test_mixed_fpgm_refuses_rates_that_are_no_shares(norm, distance):
    with pytest.raises(ValueError, match=f"found {norm} and {distance}"):
        mixed_fpgm_order(WEIGHT, rate_norm=norm, rate_dist=distance)


def test_mixed_fpgm_refuses_to_remove_everything():
    with pytest.raises(ValueError, match="leave none of 5 filters"):
        mixed_fpgm_order(WEIGHT, rate_norm=0.4, rate_dist=0.4)


def test_fpgm_tells_near_filters_apart_in_single_precision():
    """Around 1000, squares need more digits than float32 has; the distances are 3, 2 and 3."""
    weight = 1000 + torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]).repeat_interleave(20, 0)
    found = fpgm(weight)
    torch.testing.assert_close(found, torch.tensor([60.0, 40, 60]).repeat_interleave(20), rtol=1e-6, atol=0)


def test_equal_coefficients_are_not_sparse():
    """The mean of 2,304 times .1 must not come out above .1."""
    assert sparsity(torch.full((16, 16, 3, 3), 0.1)).tolist() == [1.0] * 16


def test_bn_scale_forgets_the_sign():
    assert bn_scale(torch.tensor([1.0, -3.0, 0.0])).tolist() == [1, 3, 0]


@given(factor=st.floats(0.01, 100), seed=st.integers(0, 1000))
def test_ranks_do_not_depend_on_the_scale_of_a_layer(factor, seed):
    weight = torch.randn(7, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    for criterion in (l1, l2, sparsity, fpgm):
        assert torch.equal(removal_order(criterion(weight)), removal_order(criterion(factor * weight)))


@given(seed=st.integers(0, 1000))
def test_fpgm_is_the_sum_of_pairwise_distances(seed):
    weight = torch.randn(6, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    rows = weight.flatten(1).tolist()
    for index, found in enumerate(fpgm(weight).tolist()):
        assert found == pytest.approx(sum(math.dist(rows[index], row) for row in rows), rel=1e-12)


@pytest.mark.parametrize("criterion", [l1, l2, sparsity, fpgm])
@pytest.mark.parametrize("shape", [(3,), (0, 2, 1, 1), (3, 0, 1, 1)])
def test_refuses_what_is_no_weight(criterion, shape):
    with pytest.raises(ValueError, match="filters, inputs"):
        criterion(torch.zeros(shape))


def test_bn_scale_refuses_a_convolution():
    with pytest.raises(ValueError, match="found \\(2, 3, 1, 1\\)"):
        bn_scale(torch.zeros(2, 3, 1, 1))


def test_scores_carry_no_gradient():
    weight = WEIGHT.clone().requires_grad_()
    assert not any(criterion(weight).requires_grad for criterion in (l1, l2, sparsity, fpgm))
