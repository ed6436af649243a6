"""FedFace's losses against the numbers of spec oracle A12."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.losses import positive_hinge, spreadout


def proxies() -> torch.Tensor:
    return torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 2], [3, 1, 0]], dtype=torch.float64, requires_grad=True)


def at_angles(*cosines: float) -> torch.Tensor:
    """Unit vectors with these cosines to (1, 0)."""
    return torch.tensor([[cosine, math.sqrt(1 - cosine**2)] for cosine in cosines], dtype=torch.float64)


ALONG = torch.tensor([1.0, 0.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("threshold", "total", "mean"), [(0.4, 1.279652368, 0.1066376973), (0.3, 1.880265956, 0.1566888297)]
)
def test_spreadout_of_the_oracle(threshold, total, mean):
    found = spreadout(proxies(), threshold=threshold).item()
    assert found == pytest.approx(mean, abs=1e-10)
    assert 12 * found == pytest.approx(total, abs=1e-9)  # ordered pairs of four


def test_default_threshold_is_that_of_the_dissertation():
    assert spreadout(proxies()).item() == pytest.approx(0.1066376973, abs=1e-10)


def test_hinge_of_the_oracle():
    embeddings = at_angles(0.95, 0.8, 0.5)
    found = [positive_hinge(embeddings[row : row + 1], ALONG).item() for row in range(3)]
    assert found == pytest.approx([0, 0.01, 0.16], abs=1e-12)
    assert positive_hinge(embeddings, ALONG).item() == pytest.approx(0.0566666667, abs=1e-10)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), identities=st.integers(2, 7), threshold=st.floats(-1, 1))
def test_spreadout_agrees_with_loops_over_ordered_pairs(seed, identities, threshold):
    rows = torch.randn(identities, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    units = [[value / math.hypot(*row) for value in row] for row in rows.tolist()]
    excess = [
        max(0.0, sum(a * b for a, b in zip(u, v, strict=True)) - threshold) ** 2
        for i, u in enumerate(units)
        for j, v in enumerate(units)
        if i != j
    ]
    expected = sum(excess) / (identities * (identities - 1))
    assert spreadout(5 * rows, threshold=threshold).item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_gradients_agree_with_finite_differences():
    assert torch.autograd.gradcheck(spreadout, proxies())
    embeddings = at_angles(0.95, 0.8, 0.5).requires_grad_()
    proxy = torch.tensor([2.0, 0.5], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda e, w: positive_hinge(e, w, target=0.97), (embeddings, proxy))


def test_proxies_far_enough_apart_stay_where_they_are():
    apart = torch.eye(4, dtype=torch.float64, requires_grad=True)
    loss = spreadout(apart)
    loss.backward()
    assert loss.item() == 0
    assert (apart.grad == 0).all()


def test_a_step_against_the_gradient_spreads_the_proxies():
    before = proxies()
    spreadout(before).backward()
    after = before.detach() - 0.1 * before.grad
    assert spreadout(after) < spreadout(before)


def test_a_proxy_may_come_as_the_only_row():
    embeddings = at_angles(0.95, 0.8, 0.5)
    assert positive_hinge(embeddings, ALONG[None]).item() == pytest.approx(0.0566666667, abs=1e-10)


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"at least 2 identities, found \(1, 3\)"):
        spreadout(proxies()[:1])
    with pytest.raises(ValueError, match=r"threshold must be a cosine.*found 40"):
        spreadout(proxies(), threshold=40)
    with pytest.raises(ValueError, match=r"at least one image, found \(0, 2\)"):
        positive_hinge(at_angles(0.5)[:0], ALONG)
    with pytest.raises(ValueError, match=r"proxy must be \(2,\) or \(1, 2\).*found \(4, 3\)"):
        positive_hinge(at_angles(0.5), proxies())
    with pytest.raises(ValueError, match=r"target must be a cosine.*found 1\.1"):
        positive_hinge(at_angles(0.5), ALONG, target=1.1)
