"""Taylor by activation: what the loss would change, to first order, if a feature map were zero."""

from __future__ import annotations

from torch import Tensor


def taylor_activation(activation: Tensor, gradient: Tensor) -> Tensor:
    """Mean over examples of | mean over positions of a · dL/da |, channel by channel. Larger: keep.

    Molchanov et al., Pruning convolutional neural networks for resource efficient inference, ICLR 2017. Not comparable
    between layers until `normalised`.

    Args:
        activation: (batch, channels, height, width), or (batch, channels, positions).
        gradient: of the same shape. The gradient of a batch-mean loss is that of each example's loss divided by the
            batch size: a factor that all channels share and that `normalised` takes away.

    Returns:
        (channels,).

    Raises:
        ValueError: shapes that differ, or without positions.
    """
    if activation.shape != gradient.shape or activation.ndim < 3:
        raise ValueError(
            "expected activation and gradient of one shape (batch, channels, positions...), "
            f"found {tuple(activation.shape)} and {tuple(gradient.shape)}"
        )
    return (activation.detach() * gradient.detach()).flatten(2).mean(2).abs().mean(0)


def normalised(scores: Tensor) -> Tensor:
    """A layer's scores divided by their Euclidean length, which makes layers comparable; zeros stay zeros."""
    length = scores.norm()
    return scores / length if length > 0 else scores


def with_cost_term(scores: Tensor, cost: float, weight: float) -> Tensor:
    """θ - λ·F: the paper's term for what a channel of this layer costs.

    The dissertation's objection: λ is found by trial, and its scale is that of the cost unit and of the scores. CAIE
    has no such number.

    Args:
        scores: (channels,), normalised.
        cost: F, what one channel of this layer costs, in any unit.
        weight: λ, at least 0.
    """
    if weight < 0:
        raise ValueError(f"the weight of the cost term must be at least 0, found {weight}")
    return scores - weight * cost
