"""FedFR's objective: one full step of the oracle, and each of its terms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from clients.methods.contrast import Contrast
from clients.methods.fedfr import FedFR
from fedreid.models.branch import Branch
from fedreid.scenario.method_schema import BranchSettings, ContrastiveSettings
from fedreid.scenario.schema import LossSettings
from fedreid.training import Batch, Classification
from tests.oracles.fedfr import A2_FEATURES, A2_LABELS, A2_PROXIES


class Matrix(nn.Module):
    """f = Theta x."""

    def __init__(self, rows: object) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(rows, dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.theta.T


class Oracle:
    """A8: everything of one step."""

    def __init__(self) -> None:
        rows = torch.tensor(A2_PROXIES, dtype=torch.float64)
        self.model, self.frozen = Matrix(np.eye(3)), Matrix(np.eye(3)).requires_grad_(False)
        self.previous = Matrix([[1, 1, 0], [0, 1, 0], [0, 0, 2]]).requires_grad_(False)
        self.private, self.public = nn.Parameter(rows[:2].clone()), nn.Parameter(rows[2:].clone())
        self.branch = Branch(self.private).double()
        self.contrast: Contrast | None = Contrast(self.frozen, self.previous, ContrastiveSettings())
        self.labels = A2_LABELS

    def objective(self, *, has_branch: bool = True) -> FedFR:
        classification = Classification(LossSettings(), self.private, self.public)
        return FedFR(classification, self.contrast, self.branch if has_branch else None, BranchSettings(), 2)

    def batch(self) -> Batch:
        inputs = torch.tensor(A2_FEATURES, dtype=torch.float64)
        return Batch(inputs, self.model(inputs), torch.tensor(self.labels))

    def loss(self, *, has_branch: bool = True) -> torch.Tensor:
        return self.objective(has_branch=has_branch)(self.batch())[0]


def test_losses_of_the_oracle() -> None:
    """A8: 4.7144022221 + 5 * 0.5953776441 + 10 * the mean of A6b's two images."""
    binary = (2.98300183e-7 + 7.457680255e-4) / 2
    oracle = Oracle()
    assert oracle.loss().item() == pytest.approx(7.6950207740, abs=1e-9)
    assert oracle.loss(has_branch=False).item() == pytest.approx(4.7144022221 + 5 * 0.5953776441, abs=1e-9)
    oracle.contrast = None
    assert oracle.loss().item() == pytest.approx(4.7144022221 + 10 * binary, abs=1e-9)
    assert oracle.loss(has_branch=False).item() == pytest.approx(4.7144022221, abs=1e-9)


def test_one_step_of_the_oracle() -> None:
    oracle = Oracle()
    objective = oracle.objective()
    parameters = [*oracle.model.parameters(), *objective.parameters()]
    optimiser = torch.optim.SGD(parameters, 0.01, momentum=0.9, weight_decay=5e-4)
    oracle.loss().backward()
    optimiser.step()
    theta = [
        [1.0373663705, 0.0024914607, 0.0458422289],
        [0.0381023611, 1.0611405780, 0.0701810645],
        [-0.0622028159, -0.0596839236, 0.9014780515],
    ]
    for found, expected in (
        (oracle.model.theta, theta),
        (oracle.private[0], [0.9966890163, 1.9933784014, 1.0165241809]),
        (oracle.public[1], [1.9924789361, -0.0269897490, 1.0150171278]),
    ):
        torch.testing.assert_close(found.detach(), torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-9)
    biases = torch.tensor([-3.59308e-5, -1.38e-8], dtype=torch.float64)
    torch.testing.assert_close(oracle.branch.biases.detach(), biases, rtol=3e-3, atol=0)


def test_what_is_trained_beside_the_backbone() -> None:
    oracle = Oracle()
    branch = oracle.branch
    expected = [oracle.private, oracle.public, branch.transformation.weight, branch.transformation.bias]
    assert {id(each) for each in oracle.objective().parameters()} == {
        id(each) for each in (*expected, branch.classifiers, branch.biases)
    }


def test_frozen_models_get_no_gradient_and_do_not_change() -> None:
    oracle = Oracle()
    before = oracle.frozen.theta.clone(), oracle.previous.theta.clone()
    oracle.loss().backward()
    assert oracle.frozen.theta.grad is None
    assert oracle.previous.theta.grad is None
    assert torch.equal(oracle.frozen.theta, before[0])
    assert torch.equal(oracle.previous.theta, before[1])


def test_no_previous_model_is_the_global_one_in_its_place_but_for_a_constant() -> None:
    """The value log 2 of L_con has no gradient."""
    skipped, same = Oracle(), Oracle()
    skipped.contrast = None
    same.contrast = Contrast(same.frozen, same.frozen, ContrastiveSettings())
    losses = [each.loss() for each in (skipped, same)]
    for loss in losses:
        loss.backward()
    assert (losses[1] - losses[0]).item() == pytest.approx(5 * np.log(2), abs=1e-12)
    torch.testing.assert_close(skipped.model.theta.grad, same.model.theta.grad, rtol=0, atol=1e-15)


def test_a_public_image_is_a_negative_of_every_branch_whoever_it_shows() -> None:
    """Another public label changes L_cos and not L_BCE; a private label changes both."""
    found = {}
    for label in (1, 3, 4):
        oracle = Oracle()
        oracle.contrast, oracle.labels = None, [0, label]
        without = oracle.loss(has_branch=False).item()
        found[label] = without, oracle.loss().item() - without
    assert found[3][0] != pytest.approx(found[4][0], abs=0.1)
    assert found[3][1] == pytest.approx(found[4][1], abs=1e-12)
    assert found[1][1] > found[3][1] + 0.1


def test_the_branch_with_cosface_sees_the_clients_own_people_only() -> None:
    """Of the oracle's first image: K = 2 classes, 6.31735e-8 (A2); public people have no class there."""
    oracle = Oracle()
    oracle.contrast = None
    plain = oracle.loss(has_branch=False)
    objective = FedFR(
        Classification(LossSettings(), oracle.private, oracle.public), None, oracle.branch,
        BranchSettings(loss="cosface", weight=1e6), 2,
    )  # fmt: skip
    assert (objective(oracle.batch())[0] - plain).item() == pytest.approx(1e6 * 6.31735e-8, rel=1e-4)
    oracle.labels = [2, 3]
    loss = objective(oracle.batch())[0]
    loss.backward()
    assert torch.isfinite(oracle.model.theta.grad).all()  # type: ignore[arg-type]
    assert loss.item() == pytest.approx(oracle.loss(has_branch=False).item(), abs=1e-12)
