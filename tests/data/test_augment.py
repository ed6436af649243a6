"""Augmentation: pixels by hand, the same from the same generator, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedreid.data.augment import augment, crop, flip
from fedreid.scenario.schema import AugmentSettings


def images(batch: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """No pixel is black, so that padding is recognised."""
    return np.random.default_rng(seed).integers(1, 256, (batch, height, width, 3), dtype=np.uint8)


def test_chosen_images_are_mirrored_left_to_right():
    batch = np.arange(2 * 1 * 3 * 3, dtype=np.uint8).reshape(2, 1, 3, 3)
    mirrored = flip(batch, np.array([False, True]))
    assert mirrored[0].tolist() == batch[0].tolist()
    assert mirrored[1].tolist() == [[[15, 16, 17], [12, 13, 14], [9, 10, 11]]]


def test_windows_are_cut_from_the_padded_image():
    grey = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)
    batch = np.repeat(np.stack([grey, grey, grey])[..., None], 3, axis=3)
    found = crop(batch, 1, tops=np.array([1, 0, 2]), lefts=np.array([1, 0, 2]))
    assert found[0, :, :, 0].tolist() == grey.tolist()  # in the middle: unchanged
    assert found[1, :, :, 0].tolist() == [[0, 0, 0], [0, 1, 2]]  # moved down and right
    assert found[2, :, :, 0].tolist() == [[5, 6, 0], [0, 0, 0]]  # moved up and left
    assert (found == found[..., :1]).all()


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 9),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    padding=st.integers(0, 5),
    does_flip=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_result_is_a_shifted_and_maybe_mirrored_original(batch, height, width, padding, does_flip, seed):
    original = images(batch, height, width)
    kept = original.copy()
    found = augment(original, AugmentSettings(flip=does_flip, crop_padding=padding), np.random.default_rng(seed))
    assert (original == kept).all()
    assert found.shape == original.shape
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    for before, after in zip(original, found, strict=True):
        padded = [
            np.pad(version, ((padding, padding), (padding, padding), (0, 0)))
            for version in ([before, before[:, ::-1]] if does_flip else [before])
        ]
        places = range(2 * padding + 1)
        assert any(
            (version[top : top + height, left : left + width] == after).all()
            for version in padded
            for top in places
            for left in places
        )


def test_half_are_mirrored_and_all_shifts_occur():
    batch = images(4000, 1, 8)
    mirrored = augment(batch, AugmentSettings(crop_padding=0), np.random.default_rng(0))
    assert 0.45 < (mirrored == batch[:, :, ::-1]).all(axis=(1, 2, 3)).mean() < 0.55
    shifted = augment(batch, AugmentSettings(flip=False, crop_padding=2), np.random.default_rng(0))
    black_on_the_left = (np.cumsum((shifted > 0).any(axis=(1, 3)), axis=1) == 0).sum(axis=1)
    in_sight = (shifted > 0).any(axis=(1, 2, 3))  # a one-line image may be shifted out of sight
    assert np.bincount(black_on_the_left[in_sight]).tolist()[:3] == pytest.approx([480, 160, 160], rel=0.25)
    assert in_sight.mean() == pytest.approx(1 / 5, rel=0.15)


def test_the_same_generator_gives_the_same_pixels():
    batch = images(10, 16, 8)
    first, again, other = (augment(batch, AugmentSettings(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_what_is_drawn_does_not_depend_on_the_pixels():
    generators = [np.random.default_rng(5), np.random.default_rng(5)]
    for generator, seed in zip(generators, (0, 1), strict=True):
        augment(images(10, 16, 8, seed), AugmentSettings(), generator)
    assert generators[0].integers(1 << 30) == generators[1].integers(1 << 30)


def test_off_means_off():
    batch, generator = images(4, 6, 6), np.random.default_rng(0)
    assert (augment(batch, AugmentSettings(flip=False, crop_padding=0), generator) == batch).all()
