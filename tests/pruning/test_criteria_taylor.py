"""Taylor criteria against the numbers of spec oracles O2 and O3, and the gate that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fedreid.pruning.criteria import (
    RunningMean,
    gate_gradient,
    group_impact,
    normalised,
    taylor_activation,
    with_cost_term,
)
from fedreid.pruning.selection import removal_order
from tests.oracles.pruning import (
    O2_ACTIVATION,
    O2_GRADIENT,
    O3_SCALE,
    O3_SCALE_GRADIENTS,
    O3_SHIFT,
    O3_SHIFT_GRADIENTS,
)


def exact(values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(found: torch.Tensor, expected) -> None:
    torch.testing.assert_close(found, exact(expected), rtol=1e-5, atol=1e-12)


def gates(batch: int) -> list[torch.Tensor]:
    """Of the oracle's two layers in one mini-batch."""
    return [
        gate_gradient(*map(exact, values))
        for values in zip(O3_SCALE, O3_SHIFT, O3_SCALE_GRADIENTS[batch], O3_SHIFT_GRADIENTS[batch], strict=True)
    ]


def test_activation_form_of_the_oracle():
    found = taylor_activation(exact(O2_ACTIVATION), exact(O2_GRADIENT))
    close(found, [0.2, 0.05])
    torch.testing.assert_close(normalised(found), exact([0.970143, 0.242536]), rtol=0, atol=5e-7)


def test_positions_may_have_two_dimensions():
    activation, gradient = exact(O2_ACTIVATION).reshape(2, 2, 2, 1), exact(O2_GRADIENT).reshape(2, 2, 2, 1)
    close(taylor_activation(activation, gradient), [0.2, 0.05])


def test_a_layer_of_zeros_stays_zero():
    assert normalised(torch.zeros(3)).tolist() == [0, 0, 0]


def test_the_cost_term_lowers_every_channel_of_a_layer_alike():
    close(with_cost_term(exact([0.5, 0.1]), cost=3.0, weight=0.1), [0.2, -0.2])
    with pytest.raises(ValueError, match="at least 0, found -1"):
        with_cost_term(exact([0.5]), cost=1.0, weight=-1)


def test_activation_form_refuses_shapes_that_differ():
    with pytest.raises(ValueError, match=r"found \(2, 3, 4\) and \(2, 3, 5\)"):
        taylor_activation(torch.zeros(2, 3, 4), torch.zeros(2, 3, 5))
    with pytest.raises(ValueError, match=r"found \(2, 3\)"):
        taylor_activation(torch.zeros(2, 3), torch.zeros(2, 3))


def test_gate_gradients_of_the_oracle():
    close(torch.stack(gates(0)), [[0.10, -0.08, -0.05], [-0.12, 0.03, 0.02]])
    close(torch.stack(gates(1)), [[0, 0.10, 0.40], [0.06, -0.06, 0.05]])


@pytest.mark.parametrize(
    ("mode", "first", "second", "mean", "order"),
    [
        (
            "sum_of_squares",
            [0.0244, 0.0073, 0.0029],
            [0.0036, 0.0136, 0.1625],
            [0.02232, 0.00793, 0.01886],
            [1, 2, 0],
        ),
        ("square_of_sum", [0.0004, 0.0025, 0.0009], [0.0036, 0.0016, 0.2025], [0.00072, 0.00241, 0.02106], [0, 1, 2]),
        ("shared_gate", [0.0002, 0.00125, 0.00045], [0.0018, 0.0008, 0.10125], [0.00036, 0.001205, 0.01053], [0, 1, 2]),
    ],
)
def test_group_impacts_and_running_mean_of_the_oracle(mode, first, second, mean, order):
    running = RunningMean()
    impacts = [group_impact(gates(batch), mode) for batch in (0, 1)]
    close(impacts[0], first)
    close(impacts[1], second)
    for impact in impacts:
        found = running.update(impact)
    close(found, mean)
    assert removal_order(found).tolist() == order


def test_running_mean_leaves_what_it_is_given_alone():
    impact, running = torch.ones(2), RunningMean(0.5)
    running.update(impact)
    running.update(torch.zeros(2))
    assert impact.tolist() == [1, 1]
    assert running.value.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_running_mean_refuses_a_decay_that_never_forgets_or_turns_signs(decay):
    with pytest.raises(ValueError, match=f"found {decay}"):
        RunningMean(decay)


def test_group_impact_refuses_layers_of_different_widths():
    with pytest.raises(ValueError, match=r"found widths \[2, 3\]"):
        group_impact([torch.zeros(2), torch.zeros(3)])
    with pytest.raises(ValueError, match=r"found widths \[\]"):
        group_impact([])
    with pytest.raises(ValueError, match="found cube"):
        group_impact([torch.zeros(2)], "cube")


def test_gate_gradient_is_that_of_a_gate_behind_the_batchnorm():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(6, 3, 5, 4, dtype=torch.float64, generator=generator)
    norm = nn.BatchNorm2d(3).double()
    gate = torch.ones(3, 1, 1, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        norm.weight.copy_(exact([0.7, -1.3, 0.2]))
        norm.bias.copy_(exact([0.1, 0.4, -0.6]))
    (gate * norm(images)).relu().square().sum().backward()
    found = gate_gradient(norm.weight, norm.bias, norm.weight.grad, norm.bias.grad)
    torch.testing.assert_close(found, gate.grad.flatten(), rtol=1e-12, atol=0)


def test_gate_gradient_is_the_slope_of_the_loss_in_the_gate():
    """Central differences of the loss, for a gate that scales one channel's BatchNorm by 1 ± h."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(4, 2, 3, 3, dtype=torch.float64, generator=generator)
    scale, shift = exact([1.5, -0.5]).requires_grad_(), exact([0.3, 0.2]).requires_grad_()

    def loss(gates: torch.Tensor) -> torch.Tensor:
        return nn.functional.batch_norm(images, None, None, gates * scale, gates * shift, training=True).exp().mean()

    loss(torch.ones(2, dtype=torch.float64)).backward()
    found = gate_gradient(scale, shift, scale.grad, shift.grad)
    for channel in (0, 1):
        step = torch.zeros(2, dtype=torch.float64)
        step[channel] = 1e-5
        slope = (loss(1 + step) - loss(1 - step)) / 2e-5
        assert found[channel].item() == pytest.approx(slope.item(), rel=1e-7)
