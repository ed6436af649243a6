"""SphereFace2's binary losses against the numbers of spec oracles A5 to A7."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.losses import balanced_bias, cosines, sphere_binary, sphere_transform
from tests.oracles.fedfr import A2_FEATURES, A2_PROXIES

A6_COSINES = [[0.2, 0.9, -0.3], [0.85, 0.1, 0.0], [0.5, 0.3, -0.6]]
A6_LABELS = [1, 2, -1]  # the last one is public


def a6() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(A6_COSINES, dtype=torch.float64), torch.tensor(A6_LABELS)


def zeros(size: int) -> torch.Tensor:
    return torch.zeros(size, dtype=torch.float64)


def by_formula(rows, labels, bias, scale=30.0, margin=0.4, balance=0.7, exponent=3) -> float:
    """Eq. 7.6, term by term."""
    total = 0.0
    for row, label in zip(rows, labels, strict=True):
        for column, (z, b) in enumerate(zip(row, bias, strict=True)):
            g = 2 * ((z + 1) / 2) ** exponent - 1
            if column == label:
                total += balance / scale * math.log1p(math.exp(-(scale * (g - margin) + b)))
            else:
                total += (1 - balance) / scale * math.log1p(math.exp(scale * (g + margin) + b))
    return total / len(rows)


def test_transform_of_the_oracle():
    found = sphere_transform(torch.tensor([-1, -0.5, 0, 0.25, 0.5, 0.8, 1], dtype=torch.float64))
    assert found.tolist() == pytest.approx([-1, -0.96875, -0.75, -0.51171875, -0.15625, 0.458, 1], abs=1e-15)


@pytest.mark.parametrize("exponent", [1, 2, 3, 4, 7])
def test_transform_keeps_both_ends_and_rises(exponent):
    found = sphere_transform(torch.linspace(-1, 1, 101, dtype=torch.float64), exponent)
    assert found[[0, -1]].tolist() == [-1, 1]
    assert (found.diff() > 0).all()


@pytest.mark.parametrize(
    ("bias", "expected", "mean"),
    [
        ([0, 0, 0], [6.638066997e-5, 1.099875171, 0.07510513226], 0.3916822279),
        ([0.5, -1, 2], [1.112112601e-4, 1.058206421, 0.07890105303], 0.3790728951),
    ],
)
def test_loss_of_the_oracle(bias, expected, mean):
    (rows, labels), bias = a6(), torch.tensor(bias, dtype=torch.float64)
    found = [sphere_binary(rows[i : i + 1], labels[i : i + 1], bias).item() for i in range(3)]
    assert found == pytest.approx(expected, rel=1e-9)
    assert sphere_binary(rows, labels, bias).item() == pytest.approx(mean, abs=1e-10)


def test_whole_branch_of_the_oracle():
    """A6b: an identity transformation, whose binary classifiers are the private proxies."""
    features, private = (torch.tensor(rows, dtype=torch.float64) for rows in (A2_FEATURES, A2_PROXIES[:2]))
    similarity, labels = cosines(features, private), torch.tensor([0, -1])
    first = sphere_binary(similarity[:1], labels[:1], zeros(2)).item()
    second = sphere_binary(similarity[1:], labels[1:], zeros(2)).item()
    assert first == pytest.approx(2.98300183e-7, rel=1e-7)
    assert second == pytest.approx(7.457680255e-4, rel=1e-9)
    mean = sphere_binary(similarity, labels, zeros(2)).item()
    assert mean == pytest.approx((2.98300183e-7 + 7.457680255e-4) / 2, rel=1e-9)
    assert mean == pytest.approx(3.730330316e-4, rel=1e-6)  # as printed: the seventh digit is not the rows' mean


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    batch=st.integers(1, 5),
    identities=st.integers(1, 6),
    scale=st.floats(1, 64),
    margin=st.floats(0, 0.6),
    balance=st.floats(0, 1),
    exponent=st.integers(1, 5),
)
def test_agrees_with_the_formula_in_plain_python(seed, batch, identities, scale, margin, balance, exponent):
    generator = torch.Generator().manual_seed(seed)
    rows = 2 * torch.rand(batch, identities, dtype=torch.float64, generator=generator) - 1
    labels = torch.randint(-1, identities, (batch,), generator=generator)
    bias = torch.randn(identities, dtype=torch.float64, generator=generator)
    chosen = {"scale": scale, "margin": margin, "balance": balance, "exponent": exponent}
    expected = by_formula(rows.tolist(), labels.tolist(), bias.tolist(), **chosen)
    found = sphere_binary(rows, labels, bias, **chosen)
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_gradient_agrees_with_finite_differences():
    rows, labels = a6()
    bias = torch.tensor([0.5, -1, 2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda z, b: sphere_binary(z, labels, b, scale=4.0), (rows.requires_grad_(), bias))


@pytest.mark.parametrize("exponent", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_value_and_slope_are_finite_at_and_slightly_beyond_both_ends(exponent, dtype):
    rounding = 4 * torch.finfo(dtype).eps
    rows = torch.tensor([[-1, -1 - rounding, 1, 1 + rounding]] * 5, dtype=dtype, requires_grad=True)
    bias = torch.zeros(4, dtype=dtype, requires_grad=True)
    loss = sphere_binary(rows, torch.tensor([0, 1, 2, 3, -1]), bias, exponent=exponent)
    loss.backward()
    assert loss.isfinite()
    assert rows.grad.isfinite().all()
    assert bias.grad.isfinite().all()
    expected = {1: 1.0, 2: 0.0, 3: 0.0}[exponent]  # g'(-1) = t ((z + 1) / 2)^(t - 1)
    opposite = torch.tensor(-1.0, dtype=dtype, requires_grad=True)
    sphere_transform(opposite, exponent).backward()
    assert opposite.grad.item() == expected


def test_nobody_here_pushes_all_identities_away():
    rows, bias = a6()[0].requires_grad_(), zeros(3).requires_grad_()
    sphere_binary(rows, torch.tensor([-1, -1, -1]), bias).backward()
    assert (rows.grad > 0).all()
    assert (bias.grad > 0).all()


def test_one_identity_is_enough():
    rows = torch.tensor([[0.8], [0.1]], dtype=torch.float64)
    found = sphere_binary(rows, torch.tensor([0, -1]), zeros(1))
    assert found.item() == pytest.approx(by_formula([[0.8], [0.1]], [0, -1], [0]), rel=1e-12)


def test_changes_no_input():
    (rows, labels), bias = a6(), zeros(3)
    sphere_binary(rows, labels, bias)
    assert torch.equal(rows, a6()[0])
    assert torch.equal(labels, a6()[1])
    assert torch.equal(bias, zeros(3))


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"),
    [(1, 1, 34.78768207), (1, 9, 9.450177875), (1, 99, 6.776029226), (1, 1999, 3.748063458)],
)
def test_balanced_bias_of_the_oracle(positives, negatives, expected):
    assert balanced_bias(positives, negatives) == pytest.approx(expected, abs=1e-8)


def test_loss_at_zero_cosines_of_the_oracle():
    rows, labels = torch.zeros(1, 10, dtype=torch.float64), torch.tensor([3])
    assert sphere_binary(rows, labels, zeros(10)).item() == pytest.approx(0.8050024782, abs=1e-10)
    balanced = sphere_binary(rows, labels, zeros(10) + balanced_bias(1, 9))
    assert balanced.item() == pytest.approx(0.6115052629, abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    people=st.integers(1, 20),
    strangers=st.integers(0, 20),
    identities=st.integers(1, 20),
    scale=st.floats(1, 64),
    margin=st.floats(0, 0.6),
    balance=st.floats(0.01, 0.99),
    exponent=st.integers(1, 5),
)
def test_balanced_bias_starts_without_a_pull(people, strangers, identities, scale, margin, balance, exponent):
    chosen = {"scale": scale, "margin": margin, "balance": balance, "exponent": exponent}
    negatives = people * (identities - 1) + strangers * identities
    if negatives == 0:
        return
    start = balanced_bias(people, negatives, **chosen)
    shared = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    labels = torch.cat([torch.arange(people) % identities, torch.full((strangers,), -1)])
    rows = torch.zeros(len(labels), identities, dtype=torch.float64)
    sphere_binary(rows, labels, shared.expand(identities), **chosen).backward()
    # The pull of the positives alone is what the negatives must outweigh.
    middle = 2 * 0.5**exponent - 1
    pull = people * balance / scale / len(labels) / (1 + math.exp(scale * (middle - margin) + start))
    assert abs(shared.grad.item()) < 1e-8 * pull  # torch's softplus is linear from 20 on, which costs e^-20 = 2e-9


def test_balanced_bias_meets_where_its_two_forms_meet():
    """balance p / ((1 - balance) n) = 1: the quadratic's roots differ in sign only, e^b = e^(-s g(0))."""
    assert balanced_bias(3, 3, balance=0.5) == pytest.approx(22.5, abs=1e-12)


def test_says_what_is_wrong():
    rows, labels = a6()
    with pytest.raises(ValueError, match=r"\(batch, identities\), both at least 1, found \(3, 0\)"):
        sphere_binary(rows[:, :0], labels, zeros(0))
    with pytest.raises(ValueError, match=r"labels must be \(3,\).*found \(2,\)"):
        sphere_binary(rows, labels[:2], zeros(3))
    with pytest.raises(ValueError, match=r"bias must be \(3,\).*found \(1,\)"):
        sphere_binary(rows, labels, zeros(1))
    for wrong in (3, -2):
        with pytest.raises(ValueError, match=f"labels must be 0 to 2.*or -1; found {wrong}"):
            sphere_binary(rows, torch.tensor([0, -1, wrong]), zeros(3))
    with pytest.raises(ValueError, match="scale must be above 0, found 0"):
        sphere_binary(rows, labels, zeros(3), scale=0)
    with pytest.raises(ValueError, match=r"balance must be from 0 to 1, found 1\.5"):
        sphere_binary(rows, labels, zeros(3), balance=1.5)
    for exponent in (0, 2.5):
        with pytest.raises(ValueError, match=f"whole number of at least 1, found {exponent}"):
            sphere_binary(rows, labels, zeros(3), exponent=exponent)


def test_balanced_bias_says_what_is_wrong():
    with pytest.raises(ValueError, match="negatives above 0, found 0"):
        balanced_bias(1, 0)  # a single identity, nobody else
    with pytest.raises(ValueError, match="positives above 0, found 0"):
        balanced_bias(0, 1)
    with pytest.raises(ValueError, match="balance between 0 and 1, found 1"):
        balanced_bias(1, 9, balance=1)
    with pytest.raises(ValueError, match="scale must be above 0, found -1"):
        balanced_bias(1, 9, scale=-1)
