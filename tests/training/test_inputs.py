"""Pixels to network input, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedreid.training import to_input


def test_channels_are_normalised_as_imagenets():
    batch = np.zeros((1, 2, 3, 3), dtype=np.uint8)
    batch[0, 0, 0] = (255, 0, 128)
    found = to_input(batch)
    assert found.shape == (1, 3, 2, 3)
    # (1 - 0.485) / 0.229, (0 - 0.456) / 0.224, (128/255 - 0.406) / 0.225
    assert found[0, :, 0, 0].tolist() == pytest.approx([2.248908, -2.035714, 0.426492], abs=1e-5)
    assert found[0, :, 1, 2].tolist() == pytest.approx([-2.117904, -2.035714, -1.804444], abs=1e-5)


def test_is_float_channels_last_without_rearranging():
    batch = np.random.default_rng(0).integers(0, 256, (5, 8, 4, 3), dtype=np.uint8)
    found = to_input(batch)
    assert found.dtype == torch.float32
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert found.stride() == (8 * 4 * 3, 1, 4 * 3, 3)


def test_takes_a_read_only_view_and_changes_nothing(recwarn):
    batch = np.full((2, 4, 4, 3), 7, dtype=np.uint8)
    batch.flags.writeable = False
    to_input(batch)
    assert (batch == 7).all()
    assert not recwarn.list
