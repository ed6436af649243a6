"""The personalized branch: where it starts, and the oracle's numbers through it."""

from __future__ import annotations

import pytest
import torch

from fedreid.losses import sphere_binary
from fedreid.models.branch import Branch
from tests.oracles.fedfr import A2_FEATURES, A2_PROXIES


def oracle() -> Branch:
    """A6b: Pi = identity, Omega = W of A2, b = 0."""
    return Branch(torch.tensor(A2_PROXIES[:2], dtype=torch.float64)).double()


FEATURES = torch.tensor(A2_FEATURES, dtype=torch.float64)


def test_losses_of_the_oracle() -> None:
    """The first image is of the client's first person, the second one of nobody here."""
    branch = oracle()
    for rows, labels, expected in (
        (FEATURES[:1], [0], 2.98300183e-7),
        (FEATURES[1:], [-1], 7.457680255e-4),
        (FEATURES, [0, -1], (2.98300183e-7 + 7.457680255e-4) / 2),
    ):
        found = sphere_binary(branch.cosines(rows), torch.tensor(labels), branch.biases)
        assert found.item() == pytest.approx(expected, rel=1e-8)


def test_it_starts_as_the_identity_with_the_proxies_as_classifiers() -> None:
    branch = oracle()
    torch.testing.assert_close(branch(FEATURES), FEATURES, rtol=0, atol=0)
    torch.testing.assert_close(branch.classifiers.detach(), torch.tensor(A2_PROXIES[:2], dtype=torch.float64))
    assert branch.biases.tolist() == [0.0, 0.0]
    assert Branch(torch.ones(3, 4), 1.5).biases.tolist() == [1.5] * 3


def test_the_transformation_comes_before_the_cosine() -> None:
    """Pi(x, y, z) = (y, z, x) + (0, 0, 1): f = (1, 2, 2) becomes (2, 2, 2), its cosines 8 / sqrt(12 * 6) and 0."""
    branch = oracle()
    with torch.no_grad():
        branch.transformation.weight.copy_(torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0]]))
        branch.transformation.bias.copy_(torch.tensor([0, 0, 1]))
    assert branch(FEATURES[:1]).tolist() == [[2, 2, 2]]
    assert branch.cosines(FEATURES[:1])[0].tolist() == pytest.approx([8 / 72**0.5, 0])


def test_its_classifiers_are_a_copy_of_the_proxies() -> None:
    proxies = torch.nn.Parameter(torch.ones(2, 3))
    branch = Branch(proxies)
    with torch.no_grad():
        branch.classifiers.zero_()
    assert proxies.min() == 1
    assert set(branch.state_dict()) == {"transformation.weight", "transformation.bias", "classifiers", "biases"}
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in branch.parameters())


def test_gradients_reach_the_embedding() -> None:
    """Decoupled means a space of its own, not a stopped gradient."""
    features = FEATURES.clone().requires_grad_()
    branch = oracle()
    sphere_binary(branch.cosines(features), torch.tensor([1, -1]), branch.biases).backward()
    assert features.grad is not None
    assert (features.grad.abs().sum(1) > 0).all()


def test_building_one_draws_nothing_from_the_global_stream() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    Branch(torch.ones(3, 4))
    assert torch.equal(torch.rand(1), expected)
