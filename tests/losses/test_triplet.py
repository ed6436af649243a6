"""Triplet losses against the numbers of spec oracles B2 and B3, and against loops over anchors."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.losses import batch_hard, batch_soft, weighted_triplet
from fedreid.losses.triplet import hardest_gaps, weighted_gaps

LOSSES = [batch_hard, batch_soft, weighted_triplet]
# B2: one anchor with three positives and four negatives.
B2_DISTANCES = torch.tensor([[0.4, 0.9, 0.6, 0.5, 1.1, 1.3, 0.8]], dtype=torch.float64)
B2_POSITIVES = torch.tensor([[True, True, True, False, False, False, False]])
B3_LABELS = torch.tensor([0, 0, 0, 1, 1, 1])


def b3() -> torch.Tensor:
    rows = [[3, 4], [4, 3], [1, 0], [0, 1], [-3, 4], [-1, 1]]
    return torch.tensor(rows, dtype=torch.float64, requires_grad=True)


def random(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def b3_pairs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    units = [(x / math.hypot(x, y), y / math.hypot(x, y)) for x, y in b3().tolist()]
    distances = torch.tensor([[math.dist(u, v) for v in units] for u in units], dtype=torch.float64)
    same = B3_LABELS[:, None] == B3_LABELS
    return distances, same & ~torch.eye(6, dtype=torch.bool), ~same


def by_loops(embeddings: torch.Tensor, labels: list[int], kind: str, margin: float) -> float:
    """L2, L3 and L4 of the specification, anchor by anchor."""
    units = [[value / math.hypot(*row) for value in row] for row in embeddings.tolist()]

    def weighted(distances: list[float], sign: int) -> float:
        weights = [math.exp(sign * distance) for distance in distances]
        return sum(w * d for w, d in zip(weights, distances, strict=True)) / sum(weights)

    losses = []
    for a, own in enumerate(labels):
        near = [math.dist(units[a], units[j]) for j, other in enumerate(labels) if other == own and j != a]
        far = [math.dist(units[a], units[j]) for j, other in enumerate(labels) if other != own]
        if near and far:
            gap = max(near) - min(far) if kind == "hard" else weighted(near, 1) - weighted(far, -1)
            losses.append(math.log1p(math.exp(gap)) if kind == "weighted" else max(0.0, margin + gap))
    return sum(losses) / len(losses) if losses else 0.0


def test_gaps_of_one_anchor():
    assert 0.3 + hardest_gaps(B2_DISTANCES, B2_POSITIVES, ~B2_POSITIVES).item() == pytest.approx(0.7)
    gap = weighted_gaps(B2_DISTANCES, B2_POSITIVES, ~B2_POSITIVES).item()
    assert gap == pytest.approx(0.6761258241 - 0.8326065409, abs=1e-9)
    assert 0.3 + gap == pytest.approx(0.1435192832, abs=1e-9)
    assert math.log1p(math.exp(gap)) == pytest.approx(0.6179644813, abs=1e-9)


def test_weights_of_one_anchor():
    """With the weights taken as constants they are the gradient: + on the positives, - on the negatives."""
    distances = B2_DISTANCES.clone().requires_grad_()
    weighted_gaps(distances, B2_POSITIVES, ~B2_POSITIVES, detach_weights=True).backward()
    expected = [0.2583896517, 0.4260125149, 0.3155978333, -0.3651022397, -0.2003723575, -0.1640510112, -0.2704743916]
    assert distances.grad[0].tolist() == pytest.approx(expected, abs=1e-9)


def test_each_anchor_of_the_oracle():
    pairs = b3_pairs()
    expected = [0.5619716590, 0.0380283410, 0, 0.4329113327, 0, 0]
    assert (0.3 + hardest_gaps(*pairs)).clamp(min=0).tolist() == pytest.approx(expected, abs=1e-9)
    gaps = weighted_gaps(*pairs)
    expected = [0.0258896505, 0, 0, 0.1197225834, 0, 0]
    assert (0.3 + gaps).clamp(min=0).tolist() == pytest.approx(expected, abs=1e-9)
    expected = [0.5654548091, 0.4007855860, 0.3516029587, 0.6070654762, 0.3226806643, 0.3237297904]
    assert torch.log1p(gaps.exp()).tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("loss", "expected"), [(batch_hard, 0.1721518888), (batch_soft, 0.0242687056), (weighted_triplet, 0.4285532141)]
)
def test_mean_of_the_oracle_with_default_settings(loss, expected):
    assert loss(b3(), B3_LABELS).item() == pytest.approx(expected, abs=1e-9)
    assert loss(b3().float(), B3_LABELS).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("detach_weights", "expected"),
    [(False, [-0.0403395870, 0.0302546903]), (True, [-0.0381806362, 0.0286354771])],
)
def test_gradient_of_the_oracle(detach_weights, expected):
    embeddings = b3()
    weighted_triplet(embeddings, B3_LABELS, detach_weights=detach_weights).backward()
    assert embeddings.grad[0].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_agrees_with_finite_differences(loss):
    embeddings = random(0, 8, 4).requires_grad_()
    labels = torch.tensor([0, 0, 1, 1, 1, 2, 2, 3])
    assert torch.autograd.gradcheck(lambda e: loss(e, labels), embeddings)


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=9), seed=st.integers(0, 1000), margin=st.floats(0, 1))
def test_agrees_with_loops_whatever_anchors_there_are(labels, seed, margin):
    embeddings, tensor = random(seed, len(labels), 3), torch.tensor(labels)
    found = {
        "hard": batch_hard(embeddings, tensor, margin=margin),
        "soft": batch_soft(embeddings, tensor, margin=margin),
        "weighted": weighted_triplet(embeddings, tensor),
    }
    for kind, value in found.items():
        assert value.item() == pytest.approx(by_loops(embeddings, labels, kind, margin), rel=1e-9, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_order_length_and_names_of_identities_do_not_matter(data):
    labels = data.draw(st.lists(st.integers(0, 3), min_size=2, max_size=9))
    order = data.draw(st.permutations(range(len(labels))))
    names = torch.tensor(data.draw(st.permutations([-7, 0, 3, 5000])))
    embeddings, tensor = random(data.draw(st.integers(0, 1000)), len(labels), 3), torch.tensor(labels)
    lengths = torch.linspace(0.5, 3, len(labels), dtype=torch.float64).unsqueeze(1)
    for loss in LOSSES:
        found = loss((lengths * embeddings)[order], names[tensor[order]])
        assert found.item() == pytest.approx(loss(embeddings, tensor).item(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2], [4]])
def test_without_any_anchor_loss_and_gradient_are_zero(loss, labels):
    embeddings = random(0, len(labels), 3).requires_grad_()
    value = loss(embeddings, torch.tensor(labels))
    value.backward()
    assert value.item() == 0
    assert (embeddings.grad == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_an_image_that_is_no_anchor_still_serves_as_negative(loss):
    embeddings = random(0, 3, 3).requires_grad_()
    loss(embeddings, torch.tensor([0, 0, 1]), **({} if loss is weighted_triplet else {"margin": 2.0})).backward()
    assert (embeddings.grad[2] != 0).any()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_is_finite_between_equal_images(loss, dtype):
    rows = torch.tensor([[1, 2], [1, 2], [1, 2], [3, 1], [3, 1], [0, 0]], dtype=dtype, requires_grad=True)
    value = loss(rows, torch.tensor([0, 0, 1, 1, 2, 2]))
    value.backward()
    assert value.isfinite()
    assert rows.grad.isfinite().all()


def test_small_distances_keep_their_digits_in_float32():
    angles = torch.tensor([0.0, 1e-4, 3e-4, 1.0])
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1)
    # The chord of a small angle is the angle: farthest positive 1e-4, nearest negative 3e-4 and 2e-4.
    found = batch_hard(embeddings, torch.tensor([0, 0, 1, 2]), margin=1e-3)
    assert found.item() == pytest.approx((1e-3 + 1e-4 - 3e-4 + 1e-3 + 1e-4 - 2e-4) / 2, rel=1e-3)


def test_weighted_triplet_keeps_its_published_range():
    apart = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    assert weighted_triplet(apart, torch.tensor([0, 0, 1, 1])).item() == pytest.approx(0.1269280110, abs=1e-10)
    gap = weighted_gaps(torch.tensor([[2.0, 0.0]]), torch.tensor([[True, False]]), torch.tensor([[False, True]]))
    assert math.log1p(math.exp(gap.item())) == pytest.approx(2.1269280110, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_nan_is_not_hidden(loss):
    embeddings = random(0, 4, 3)
    embeddings[1, 1] = math.nan
    assert loss(embeddings, torch.tensor([0, 0, 1, 1])).isnan()


@pytest.mark.parametrize("loss", LOSSES)
def test_says_what_is_wrong(loss):
    with pytest.raises(ValueError, match=r"embeddings must be \(batch, dim\).*found \(6,\)"):
        loss(b3()[:, 0], B3_LABELS)
    with pytest.raises(ValueError, match=r"at least one image, found \(0, 2\)"):
        loss(b3()[:0], B3_LABELS[:0])
    with pytest.raises(ValueError, match=r"labels must be \(6,\).*found \(5,\)"):
        loss(b3(), B3_LABELS[:5])
