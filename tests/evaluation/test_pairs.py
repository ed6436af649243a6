"""Which pairs are genuine, which are impostors, and how many there are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedreid.evaluation import own_pairs, pair_counts, search_pairs
from fedreid.evaluation.pairs import PairCounts

NOTHING = np.zeros((0, 3))


def own_of(identities: int, images: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.repeat(np.arange(identities), images)
    return np.ones((len(ids), 3)), ids


def test_counts_of_the_dissertation():
    assert pair_counts(40, 100, 40) == PairCounts(genuine=78_000, within_client=7_920_000, cross_client=624_000_000)


def test_counts_of_a_small_federation():
    # Two people of four images each: 2 * 6 genuine pairs, 4 * 4 impostors, and 8 of its images with 16 of others.
    assert pair_counts(3, 2, 4) == PairCounts(genuine=12, within_client=16, cross_client=128)


@pytest.mark.parametrize(("clients", "identities", "images"), [(3, 2, 4), (1, 5, 2), (4, 1, 3), (2, 3, 1)])
def test_own_pairs_are_as_many(clients, identities, images):
    expected = pair_counts(clients, identities, images)
    others = np.ones(((clients - 1) * identities * images, 3))
    found = own_pairs(*own_of(identities, images), others)
    assert (found.genuine, found.impostors) == (expected.genuine, expected.within_client + expected.cross_client)
    across = own_pairs(*own_of(identities, images), others, impostors="cross_client")
    assert (across.genuine, across.impostors) == (expected.genuine, expected.cross_client)


def test_search_pairs_leave_out_the_same_identity_and_camera():
    # Query 1 by camera 0: genuine with the 1 of camera 2, not with that of camera 0; impostor of 2, 0 and 0.
    # Query 2 by camera 1: its only image is of its own camera; impostor of the four others.
    found = search_pairs(np.ones((2, 3)), [1, 2], [0, 1], np.ones((5, 3)), [1, 1, 2, 0, 0], [0, 2, 1, 0, 1])
    assert (found.genuine, found.impostors) == (1, 7)


def test_images_of_unknown_camera_are_never_left_out():
    found = search_pairs(np.ones((1, 3)), [1], [-1], np.ones((2, 3)), [1, 1], [-2, -3])
    assert (found.genuine, found.impostors) == (2, 0)


def test_nothing_to_pair():
    assert own_pairs(NOTHING, np.zeros(0, int), NOTHING).impostors == 0
    alone = own_pairs(np.ones((1, 3)), [5], NOTHING)
    assert (alone.genuine, alone.impostors) == (0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": np.ones(3)}, r"own features must be \(n, dim\), found shape \(3,\)"),
        ({"features": np.full((2, 3), np.nan)}, "own features hold nan or inf in row 0"),
        ({"others": np.full((2, 3), np.inf)}, "others' features hold nan or inf in row 0"),
        ({"others": np.ones((2, 4))}, "features must all have the same number of dimensions, found 3, 4"),
        ({"ids": [1, 2, 3]}, r"own ids must be 2 integers, one for each feature; found int64 of shape \(3,\)"),
        ({"ids": [1.0, 2.0]}, "own ids must be 2 integers, one for each feature; found float64"),
        ({"impostors": "some"}, "impostors must be one of all, cross_client; found 'some'"),
    ],
)
def test_refuses(changes, message):
    given = {"features": torch.ones(2, 3), "ids": torch.tensor([1, 2]), "others": np.ones((2, 3))}
    with pytest.raises(ValueError, match=message):
        own_pairs(**{**given, **changes})


def test_refuses_cameras_that_are_not_there():
    with pytest.raises(ValueError, match="gallery cameras must be 2 integers"):
        search_pairs(np.ones((1, 3)), [1], [1], np.ones((2, 3)), [1, 1], [1])
