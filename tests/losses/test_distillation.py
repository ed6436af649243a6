"""Distillation against the numbers of spec oracle A13."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.losses import distillation, yu2020

TEACHER = torch.tensor([[1.5, 1, 0.5], [0.5, 0.5, 2.5]], dtype=torch.float64)
LABELS = torch.tensor([0, 2])


def student() -> torch.Tensor:
    return torch.tensor([[2, 1, 0.1], [0, 1, 3]], dtype=torch.float64, requires_grad=True)


def test_divergence_of_the_oracle():
    assert distillation(student(), TEACHER, temperature=1.0).item() == pytest.approx(0.0474289358, abs=1e-10)
    assert distillation(student(), TEACHER).item() == pytest.approx(36 * 0.0023531802, abs=36e-10)


def test_sum_with_the_loss_on_labels_of_the_oracle():
    plain = F.cross_entropy(student(), LABELS)
    assert plain.item() == pytest.approx(0.2934380179, abs=1e-10)
    assert (plain + distillation(student(), TEACHER)).item() == pytest.approx(0.3781525040, abs=1e-10)
    assert yu2020(student(), TEACHER, plain).item() == pytest.approx(0.0414981548, abs=1e-10)


def test_gradient_agrees_with_finite_differences():
    assert torch.autograd.gradcheck(lambda logits: distillation(logits, TEACHER), student())


def test_a_student_like_its_teacher_has_nothing_to_learn():
    same = TEACHER.clone().requires_grad_()
    loss = distillation(same, TEACHER)
    loss.backward()
    assert loss.item() == 0
    assert same.grad.abs().max() < 1e-15


def test_the_teacher_is_a_constant_and_the_classification_is_not():
    own, teacher = student(), TEACHER.clone().requires_grad_()
    classification = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    yu2020(own, teacher, classification, share=0.75).backward()
    assert teacher.grad is None
    assert own.grad is not None
    assert classification.grad.item() == 0.25


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), batch=st.integers(1, 4), classes=st.integers(1, 5), temperature=st.floats(0.5, 20))
def test_agrees_with_the_formula_in_plain_python(seed, batch, classes, temperature):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, batch, classes, dtype=torch.float64, generator=generator)

    def softmax(row: list[float]) -> list[float]:
        powers = [math.exp(logit / temperature) for logit in row]
        return [power / sum(powers) for power in powers]

    expected = 0.0
    for own, teacher in zip(*logits.tolist(), strict=True):
        pairs = zip(softmax(teacher), softmax(own), strict=True)
        expected += temperature**2 / batch * sum(p * math.log(p / q) for p, q in pairs)
    found = distillation(logits[0], logits[1], temperature=temperature).item()
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-11)
    halves = yu2020(logits[0], logits[1], torch.tensor(3.0), temperature=temperature, share=0.5)
    assert halves.item() == pytest.approx(0.5 * expected / classes + 1.5, rel=1e-7)


def test_a_certain_teacher_stays_finite():
    own = torch.tensor([[0.0, 500.0]], requires_grad=True)
    loss = distillation(own, torch.tensor([[500.0, 0.0]]), temperature=1.0)
    loss.backward()
    assert loss.item() == pytest.approx(500)
    assert own.grad.isfinite().all()


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"logits must be \(batch, classes\).*found \(0, 3\)"):
        distillation(student()[:0], TEACHER[:0])
    with pytest.raises(ValueError, match=r"must have one shape, found \(1, 3\) and \(2, 3\)"):
        distillation(student(), TEACHER[:1])
    with pytest.raises(ValueError, match="temperature must be above 0, found 0"):
        distillation(student(), TEACHER, temperature=0)
    with pytest.raises(ValueError, match=r"share must be from 0 to 1, found 1\.2"):
        yu2020(student(), TEACHER, torch.tensor(1.0), share=1.2)
