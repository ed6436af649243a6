"""CosFace against the numbers of spec oracle A2, worked out in float64 from the formula."""

from __future__ import annotations

import math

import pytest
import torch

from fedreid.losses import cosface, cosface_from_cosines, cosines
from tests.oracles.fedfr import A2_FEATURES, A2_LABELS, A2_PROXIES


def features() -> torch.Tensor:
    return torch.tensor(A2_FEATURES, dtype=torch.float64, requires_grad=True)


PROXIES = torch.tensor(A2_PROXIES, dtype=torch.float64)
LABELS = torch.tensor(A2_LABELS)


def test_cosines_of_the_oracle():
    expected = torch.tensor(
        [
            [0.95257934, 0, 0.33333333, 0.59628479, 0.66666667],
            [0.27216553, -0.70710678, 0.66666667, 0.89442719, 0.66666667],
        ],
        dtype=torch.float64,
    )
    torch.testing.assert_close(cosines(features(), PROXIES), expected, atol=1e-8, rtol=0)


@pytest.mark.parametrize(
    ("scale", "first", "second", "mean"),
    [(30.0, 3.5656231365, 5.8631813077, 4.7144022221), (8.0, 1.6282027385, 2.2085247634, 1.9183637509)],
)
def test_loss_of_the_oracle(scale, first, second, mean):
    both = features()
    for row, expected in enumerate((first, second)):
        found = cosface(both[row : row + 1], PROXIES, LABELS[row : row + 1], scale=scale, margin=0.4)
        assert found.item() == pytest.approx(expected, abs=1e-9)
    assert cosface(both, PROXIES, LABELS, scale=scale, margin=0.4).item() == pytest.approx(mean, abs=1e-9)


def test_gradient_of_the_oracle():
    both = features()
    cosface(both, PROXIES, LABELS, scale=8.0).backward()
    expected = torch.tensor([0.05643908, -0.63960643, 0.61138688], dtype=torch.float64)
    torch.testing.assert_close(both.grad[0], expected, atol=1e-8, rtol=0)


def test_local_softmax_of_the_oracle():
    found = cosface(features()[:1], PROXIES[:2], LABELS[:1])
    assert found.item() == pytest.approx(6.31735e-8, rel=1e-5)


def test_defaults_are_those_of_the_dissertation():
    assert cosface(features(), PROXIES, LABELS).item() == pytest.approx(4.7144022221, abs=1e-9)


def test_no_class_is_better_than_another_at_zero_margin_and_equal_cosines():
    found = cosface_from_cosines(torch.zeros(3, 7), torch.tensor([0, 3, 6]), margin=0.0)
    assert found.item() == pytest.approx(math.log(7), rel=1e-6)


def test_gradient_agrees_with_finite_differences():
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(3, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    proxies = torch.randn(5, 4, dtype=torch.float64, generator=generator, requires_grad=True)
    labels = torch.tensor([4, 0, 2])
    assert torch.autograd.gradcheck(lambda e, p: cosface(e, p, labels, scale=4.0), (embeddings, proxies))


def test_length_of_embeddings_and_proxies_does_not_matter():
    found = cosface(3 * features(), 0.1 * PROXIES, LABELS)
    assert found.item() == pytest.approx(4.7144022221, abs=1e-9)


def test_changes_no_input():
    both, proxies, labels = features(), PROXIES.clone(), LABELS.clone()
    cosface(both, proxies, labels)
    assert torch.equal(both, features())
    assert torch.equal(proxies, PROXIES)
    assert torch.equal(labels, LABELS)


def test_refuses_a_single_class():
    with pytest.raises(ValueError, match="at least 2 classes, found 1"):
        cosface(features(), PROXIES[:1], torch.zeros(2, dtype=torch.int64))


@pytest.mark.parametrize("wrong", [5, -1, -100])
def test_refuses_a_label_without_a_proxy(wrong):
    with pytest.raises(ValueError, match=f"labels must be 0 to 4.*found {wrong}"):
        cosface(features(), PROXIES, torch.tensor([0, wrong]))


def test_smoothed_labels_of_the_oracle():
    """Spec oracle B4: q = (.925, .025, .025, .025)."""
    logits, label = torch.tensor([[2.0, 1.0, 0.0, -1.0]], dtype=torch.float64), torch.tensor([0])
    plain = cosface_from_cosines(logits, label, scale=1.0, margin=0.0)
    assert plain.item() == pytest.approx(0.4401896986, abs=1e-10)
    smoothed = cosface_from_cosines(logits, label, scale=1.0, margin=0.0, label_smoothing=0.1)
    assert smoothed.item() == pytest.approx(0.5901896986, abs=1e-10)


def test_smoothing_leaves_the_margin_with_the_true_class():
    expected = 0.0
    for row, label in zip(cosines(features(), PROXIES).tolist(), A2_LABELS, strict=True):
        logits = [8.0 * (cosine - (0.3 if column == label else 0)) for column, cosine in enumerate(row)]
        total = math.log(sum(math.exp(logit) for logit in logits))
        targets = [0.2 / 5 + (0.8 if column == label else 0) for column in range(5)]
        expected += sum(target * (total - logit) for target, logit in zip(targets, logits, strict=True)) / 2
    found = cosface(features(), PROXIES, LABELS, scale=8.0, margin=0.3, label_smoothing=0.2)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_no_smoothing_is_plain_cross_entropy_bit_for_bit():
    generator = torch.Generator().manual_seed(0)
    similarity, labels = torch.rand(16, 40, generator=generator), torch.randint(40, (16,), generator=generator)
    margins = 0.4 * torch.nn.functional.one_hot(labels, 40)
    expected = torch.nn.functional.cross_entropy(30.0 * (similarity - margins), labels)
    assert torch.equal(cosface_from_cosines(similarity, labels), expected)
    assert torch.equal(cosface_from_cosines(similarity, labels, label_smoothing=0.0), expected)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_refuses_a_smoothing_that_is_no_share(wrong):
    with pytest.raises(ValueError, match=f"label_smoothing must be from 0 to 1, found {wrong}"):
        cosface(features(), PROXIES, LABELS, label_smoothing=wrong)
