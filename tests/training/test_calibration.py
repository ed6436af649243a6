"""BatchNorm statistics measured again, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fedreid.data.image_set import ImageSet
from fedreid.training.calibration import recalibrate_batchnorm
from fedreid.training.inputs import to_input

CPU = torch.device("cpu")


def images(count: int) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 4, 2, 3)).astype(np.uint8)
    zeros = np.zeros(count, np.int64)
    return ImageSet([pixels], zeros, np.arange(count), zeros, zeros)


class Network(nn.Module):
    """One BatchNorm layer with other values than a new one has."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, momentum=0.3)
        self.norm.weight.data.fill_(2)
        self.running_mean.fill_(9)
        self.eval()

    @property
    def running_mean(self) -> torch.Tensor:
        assert self.norm.running_mean is not None
        return self.norm.running_mean

    @property
    def running_var(self) -> torch.Tensor:
        assert self.norm.running_var is not None
        return self.norm.running_var

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(images)


def inputs(some: ImageSet, rows: list[int]) -> np.ndarray:
    """(n * 4 * 2, 3): what the layer sees, one row for each pixel."""
    return to_input(some.batch(np.array(rows)), CPU).numpy().transpose(0, 2, 3, 1).reshape(-1, 3).astype(np.float64)


def test_statistics_are_means_over_batches_of_the_images_statistics() -> None:
    some, model = images(6), Network()
    recalibrate_batchnorm(model, some, batch_size=3, device=CPU)
    halves = [inputs(some, [0, 1, 2]), inputs(some, [3, 4, 5])]
    np.testing.assert_allclose(model.running_mean, np.mean([half.mean(0) for half in halves], 0), atol=1e-6)
    np.testing.assert_allclose(model.running_var, np.mean([half.var(0, ddof=1) for half in halves], 0), rtol=1e-5)


def test_nothing_else_changes() -> None:
    model = Network()
    recalibrate_batchnorm(model, images(6), batch_size=3, device=CPU)
    norm = model.norm
    assert norm.momentum == 0.3
    assert (norm.weight == 2).all()
    assert not model.training
    assert norm.weight.grad is None


def test_at_most_so_many_images_are_used_evenly_spaced_from_first_to_last() -> None:
    """3 of 9 are images 0, 4 and 8."""
    some, model = images(9), Network()
    recalibrate_batchnorm(model, some, batch_size=10, device=CPU, most=3)
    np.testing.assert_allclose(model.running_mean, inputs(some, [0, 4, 8]).mean(0), atol=1e-6)


def test_a_last_batch_of_one_image_is_left_out() -> None:
    some, model = images(5), Network()
    recalibrate_batchnorm(model, some, batch_size=2, device=CPU)
    np.testing.assert_allclose(model.running_mean, inputs(some, [0, 1, 2, 3]).mean(0), atol=1e-6)


def test_the_same_images_give_the_same_bits_whatever_was_measured_before() -> None:
    first, second = Network(), Network()
    recalibrate_batchnorm(first, images(6), batch_size=3, device=CPU)
    for _ in range(2):
        recalibrate_batchnorm(second, images(6), batch_size=3, device=CPU)
    assert torch.equal(first.running_mean, second.running_mean)


@pytest.mark.parametrize("is_training", [True, False])
def test_the_mode_comes_back(is_training: bool) -> None:
    model = Network().train(is_training)
    recalibrate_batchnorm(model, images(4), batch_size=2, device=CPU)
    assert model.training == is_training
