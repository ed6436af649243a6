"""SphereFace2: one binary classifier for each identity, with a margin on both sides."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def sphere_binary(
    cosines: Tensor,
    labels: Tensor,
    bias: Tensor,
    *,
    scale: float = 30.0,
    margin: float = 0.4,
    balance: float = 0.7,
    exponent: int = 3,
) -> Tensor:
    """Sum over identities, mean over the batch, of the binary losses

        l/s * log(1 + e^-(s (g(z_y) - m) + b_y))            for the image's own identity y, if it is one of these,
        (1 - l)/s * log(1 + e^(s (g(z_k) + m) + b_k))       for every other identity k.

    Wen et al., SphereFace2, ICLR 2022; eq. 7.6 of the dissertation. g is differentiated like everything else.

    Args:
        cosines: (batch, identities), z.
        labels: (batch,), column of each image's own identity; -1: none of them, so all columns are negatives.
        bias: (identities,), b, learnable.
        scale: s, the inverse temperature.
        margin: m.
        balance: l, weight of the positive term; 1 - l is that of each negative one.
        exponent: of g, see `sphere_transform`.

    Raises:
        ValueError: shapes that don't fit, a setting out of its range, or a label that is neither a column nor -1 (on
            a GPU, where looking would stall it, torch's own assertion stops the program).
    """
    _check(cosines, labels, bias, scale, balance)
    side = _sides(cosines, labels)
    # Both cases are softplus(s m + side (s g + b)), with weight l / s on side -1 and (1 - l) / s on side +1.
    logits = torch.add(bias, sphere_transform(cosines, exponent), alpha=scale) * side + scale * margin
    weights = (side * (0.5 - balance) + 0.5) / (scale * len(cosines))
    return (F.softplus(logits) * weights).sum()


def sphere_transform(cosines: Tensor, exponent: int = 3) -> Tensor:
    """g(z) = 2 ((z + 1) / 2)^t - 1: rises from -1 to 1 like z, but flat near -1 and steep near 1.

    A whole exponent keeps value and slope finite where rounding has put a cosine slightly below -1.

    Raises:
        ValueError: an exponent that isn't a whole number of at least 1.
    """
    if exponent != int(exponent) or exponent < 1:
        raise ValueError(f"exponent must be a whole number of at least 1, found {exponent}")
    return (cosines + 1).pow(int(exponent)) * 2.0 ** (1 - exponent) - 1


def balanced_bias(
    positives: float,
    negatives: float,
    *,
    scale: float = 30.0,
    margin: float = 0.4,
    balance: float = 0.7,
    exponent: int = 3,
) -> float:
    """The bias at which positives and negatives pull equally hard when all cosines are 0.

    It solves l p sigmoid(-(a + b)) = (1 - l) n sigmoid(c + b) with a = s (g(0) - m) and c = s (g(0) + m): a quadratic
    in e^b. Wen et al., SphereFace2, ICLR 2022, appendix.

    Args:
        positives: p, positive terms; only p / n matters. One batch of only registered people: 1.
        negatives: n, negative terms. One batch of only registered people: identities - 1.

    Raises:
        ValueError: no positives or no negatives (a single identity without strangers), or a setting out of its range.
    """
    for name, count in (("positives", positives), ("negatives", negatives)):
        if not 0 < count < math.inf:
            raise ValueError(f"a balanced bias needs {name} above 0, found {count}")
    if not 0 < balance < 1:
        raise ValueError(f"a balanced bias needs a balance between 0 and 1, found {balance}")
    if not scale > 0:
        raise ValueError(f"scale must be above 0, found {scale}")
    middle = float(sphere_transform(torch.zeros((), dtype=torch.float64), exponent))
    ratio = balance * positives / ((1 - balance) * negatives)
    root = math.hypot(1 - ratio, 2 * math.sqrt(ratio) * math.exp(-scale * margin))
    # Two equal forms of the one positive root; each loses its digits where the other is used.
    if ratio <= 1:
        return math.log(2 * ratio / (1 - ratio + root)) - scale * (middle + margin)
    return math.log((ratio - 1 + root) / 2) - scale * (middle - margin)


def _sides(cosines: Tensor, labels: Tensor) -> Tensor:
    """-1 where the column is the image's own identity, 1 elsewhere: (batch, identities)."""
    batch, identities = cosines.shape
    columns = cosines.new_ones(batch, identities + 1)  # the first one takes the images of nobody here
    try:
        return columns.scatter_(1, (labels + 1).unsqueeze(1), -1.0)[:, 1:]
    except (RuntimeError, IndexError) as error:  # looking at the labels only now costs nothing while they are right
        wrong = labels[(labels < -1) | (labels >= identities)]
        if len(wrong):
            raise ValueError(
                f"labels must be 0 to {identities - 1}, one column of the cosines, or -1; found {wrong[0].item()}"
            ) from error
        raise


def _check(cosines: Tensor, labels: Tensor, bias: Tensor, scale: float, balance: float) -> None:
    if cosines.dim() != 2 or not cosines.numel():
        raise ValueError(f"cosines must be (batch, identities), both at least 1, found {tuple(cosines.shape)}")
    if labels.shape != cosines.shape[:1]:
        raise ValueError(f"labels must be ({len(cosines)},), one for each image, found {tuple(labels.shape)}")
    if bias.shape != cosines.shape[1:]:
        raise ValueError(f"bias must be ({cosines.shape[1]},), one for each identity, found {tuple(bias.shape)}")
    if not scale > 0:
        raise ValueError(f"scale must be above 0, found {scale}")
    if not 0 <= balance <= 1:
        raise ValueError(f"balance must be from 0 to 1, found {balance}")
