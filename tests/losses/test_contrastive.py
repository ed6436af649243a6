"""Model-contrastive loss against the numbers of spec oracle A4, and what it does without a previous model."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.losses import model_contrastive

GLOBAL = torch.tensor([[1, 2, 1], [1, 2, 2]], dtype=torch.float64)
PREVIOUS = torch.tensor([[2, 1, 2], [0, 1, 1]], dtype=torch.float64)


def embeddings() -> torch.Tensor:
    return torch.tensor([[1, 2, 2], [0, 3, 4]], dtype=torch.float64, requires_grad=True)


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("temperature", "expected"), [(0.5, [0.63148359, 0.75136518]), (0.1, [0.42456629, 1.01577139])]
)
def test_each_image_of_the_oracle(temperature, expected):
    found = [
        model_contrastive(embeddings()[row], GLOBAL[row], PREVIOUS[row], temperature=temperature).item()
        for row in (slice(0, 1), slice(1, 2))
    ]
    assert found == pytest.approx(expected, abs=1e-8)


def test_mean_of_the_oracle_with_the_default_temperature():
    assert model_contrastive(embeddings(), GLOBAL, PREVIOUS).item() == pytest.approx(0.6914243863, abs=1e-10)


def test_smallest_and_largest_value():
    ahead = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert model_contrastive(ahead, ahead, -ahead).item() == pytest.approx(0.01814993, abs=1e-8)
    assert model_contrastive(ahead, -ahead, ahead).item() == pytest.approx(4.01814993, abs=1e-8)


def test_the_global_model_as_previous_one_gives_log_2_and_exactly_no_gradient():
    own = embeddings()
    loss = model_contrastive(own, GLOBAL, GLOBAL.clone())
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2), abs=1e-15)
    assert (own.grad == 0).all()


def test_a_step_against_the_gradient_moves_towards_the_global_model():
    own = embeddings()
    model_contrastive(own, GLOBAL, PREVIOUS).backward()
    nearer = own.detach() - 0.01 * own.grad
    cosine = torch.nn.functional.cosine_similarity
    assert (cosine(nearer, GLOBAL) > cosine(own, GLOBAL)).all()


def test_gradient_agrees_with_finite_differences():
    own = random(0, 4, 5).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: model_contrastive(e, random(1, 4, 5), random(2, 4, 5)), own)


def test_frozen_models_get_no_gradient():
    own, global_, previous = (random(seed, 3, 4).requires_grad_() for seed in range(3))
    model_contrastive(own, global_, previous).backward()
    assert own.grad is not None
    assert global_.grad is None
    assert previous.grad is None


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), batch=st.integers(1, 6), temperature=st.floats(0.01, 5))
def test_agrees_with_the_formula_in_plain_python(seed, batch, temperature):
    own, global_, previous = (random(3 * seed + part, batch, 3) for part in range(3))

    def cosine(left: list[float], right: list[float]) -> float:
        return sum(a * b for a, b in zip(left, right, strict=True)) / math.hypot(*left) / math.hypot(*right)

    expected = 0.0
    for f, g, p in zip(own.tolist(), global_.tolist(), previous.tolist(), strict=True):
        expected += math.log1p(math.exp((cosine(f, p) - cosine(f, g)) / temperature)) / batch
    found = model_contrastive(7 * own, global_, 0.1 * previous, temperature=temperature)
    assert found.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_tiny_temperature_overflows_nowhere():
    own = torch.tensor([[1.0, 0.0]], requires_grad=True)
    loss = model_contrastive(own, torch.tensor([[-1.0, 0.0]]), torch.tensor([[1.0, 0.1]]), temperature=1e-4)
    loss.backward()
    assert loss.item() == pytest.approx((1 + 1 / math.hypot(1, 0.1)) / 1e-4, rel=1e-5)
    assert own.grad.isfinite().all()


def test_says_what_is_wrong():
    own = embeddings()
    with pytest.raises(ValueError, match=r"at least one image, found \(0, 3\)"):
        model_contrastive(own[:0], GLOBAL[:0], PREVIOUS[:0])
    with pytest.raises(ValueError, match=r"global embeddings must be \(2, 3\).*found \(1, 3\)"):
        model_contrastive(own, GLOBAL[:1], PREVIOUS)
    with pytest.raises(ValueError, match=r"previous embeddings must be \(2, 3\).*found \(2, 2\)"):
        model_contrastive(own, GLOBAL, PREVIOUS[:, :2])
    with pytest.raises(ValueError, match="temperature must be above 0, found 0"):
        model_contrastive(own, GLOBAL, PREVIOUS, temperature=0)
