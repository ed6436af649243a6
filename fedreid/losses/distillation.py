"""Knowledge distillation: a student that answers like its teacher, shades included."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def distillation(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float = 6.0) -> Tensor:
    """T^2 times the mean over the batch of KL(softmax(teacher / T) || softmax(student / T)).

    Hinton et al., Distilling the Knowledge in a Neural Network, 2015. T^2 keeps the gradient's size as T changes.

    Args:
        student_logits: (batch, classes).
        teacher_logits: (batch, classes); a constant, whatever its graph.
        temperature: T; above 1 the small probabilities count more.

    Raises:
        ValueError: an empty batch, shapes that aren't the same, or a temperature that isn't above 0.
    """
    _check(student_logits, teacher_logits, temperature)
    student = F.log_softmax(student_logits / temperature, 1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, 1)
    return temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def yu2020(
    student_logits: Tensor,
    teacher_logits: Tensor,
    classification: Tensor,
    *,
    temperature: float = 6.0,
    share: float = 0.95,
) -> Tensor:
    """share * T^2 * KL, averaged over all batch * classes elements, + (1 - share) * classification.

    Yu et al., Salvaging Federated Learning by Local Adaptation, 2020, as its public code has it. The mean over elements
    makes the first term `classes` times smaller than `distillation`.

    Args:
        student_logits, teacher_logits, temperature: as in `distillation`.
        classification: the loss of the student on its labels, a scalar: cross-entropy with Yu et al.
        share: of the distillation in the sum.

    Raises:
        ValueError: as in `distillation`; or a share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must be from 0 to 1, found {share}")
    per_image = distillation(student_logits, teacher_logits, temperature=temperature)
    return share * per_image / student_logits.shape[1] + (1 - share) * classification


def _check(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> None:
    if student_logits.dim() != 2 or not student_logits.numel():
        raise ValueError(f"logits must be (batch, classes), both at least 1, found {tuple(student_logits.shape)}")
    if teacher_logits.shape != student_logits.shape:
        shapes = tuple(teacher_logits.shape), tuple(student_logits.shape)
        raise ValueError(f"logits of teacher and student must have one shape, found {shapes[0]} and {shapes[1]}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, found {temperature}")
