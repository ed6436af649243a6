"""Which of a person's images are held out: how many, of which cameras, and the same on whichever client."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedreid.data.held_out import held_out_images
from fedreid.data.splits import Split
from tests.data.made_up import table
from tests.data.partitions import split_of


@pytest.mark.parametrize(
    ("n", "share", "count"),
    [(1, 0.4, 0), (2, 0.4, 1), (5, 0.4, 2), (10, 0.4, 4), (3, 0.01, 1), (3, 0.99, 2), (5, 0.5, 3)],
)
def test_the_held_out_share_is_rounded_and_leaves_one_on_each_side(n: int, share: float, count: int) -> None:
    assert held_out_images(np.ones(n), share, np.random.default_rng(0)).sum() == count


def test_held_out_images_take_turns_over_cameras_the_fullest_first() -> None:
    cameras = np.array([1, 2, 2, 2, 2, 3, 3, 3])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        held = cameras[held_out_images(cameras, 0.25, rng)]
        assert sorted(held) == [2, 3]  # camera 1 has one image, and training keeps it
        assert sorted(cameras[held_out_images(cameras, 0.5, rng)]) == [1, 2, 2, 3]


def test_held_out_images_of_one_camera_are_drawn_at_random() -> None:
    drawn = [held_out_images(np.full(6, -1), 0.5, np.random.default_rng(seed)).tolist() for seed in range(20)]
    assert len({tuple(each) for each in drawn}) > 5


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=30), st.floats(0.01, 0.99), st.integers(0, 99))
def test_held_out_promises(cameras: list[int], share: float, seed: int) -> None:
    held = held_out_images(np.array(cameras), share, np.random.default_rng(seed))
    assert (held == held_out_images(np.array(cameras), share, np.random.default_rng(seed))).all()
    assert (~held).sum() >= 1
    assert held.sum() >= (len(cameras) > 1)
    assert (
        abs(held.sum() - share * len(cameras)) <= 0.5 + 1e-9 or held.sum() in (1, len(cameras) - 1) or len(cameras) == 1
    )
    of_camera = [np.array(cameras)[held].tolist().count(camera) for camera in set(cameras)]
    total = [cameras.count(camera) for camera in set(cameras)]
    assert all(a >= min(b - 1, n) for a, n in zip(of_camera, total, strict=True) for b in of_camera)  # evenly spread


def test_an_identity_is_divided_the_same_way_on_whichever_client() -> None:
    def held(split: Split) -> set[str]:
        return set(split.frame.loc[split.frame["use"] == "held_out", "path"])

    assert held(split_of(table(people=20), clients=2)) == held(split_of(table(people=20), clients=5))
