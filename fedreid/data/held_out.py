"""Which images of a private identity are kept for personalized evaluation."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pandas as pd

from fedreid.data.splits import PERSON

HELD_OUT = 3  # second word of the seed; `partition` uses 1 and 2


def mark_held_out(owned: pd.DataFrame, share: float, seed: int, sources: list[str]) -> np.ndarray:
    """ "train" or "held_out" for each of the clients' images (columns part, source, identity, camera).

    Each client's identity is split by a generator of its own, so its images are divided the same way whichever
    client it belongs to and whoever else takes part. A share of 0 holds out none.
    """
    held = np.zeros(len(owned), dtype=bool)
    if not share:
        return np.full(len(owned), "train", dtype=object)
    cameras = owned["camera"].to_numpy()
    groups = cast(dict[tuple[str, str, int], np.ndarray], owned.groupby(["part", *PERSON], sort=False).indices)
    for (_, source, identity), places in groups.items():
        rng = np.random.default_rng([seed, HELD_OUT, sources.index(source), int(identity)])
        held[places[held_out_images(cameras[places], share, rng)]] = True
    return np.where(held, "held_out", "train")


def held_out_images(cameras: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Which of one identity's images are held out.

    Re-identification asks for the same person on another camera, so held-out images come from the cameras in turn,
    the camera with most images first: two of them are from two cameras wherever there are two, and a camera with few
    images gives them up last, because training needs it too. Within a camera the choice is random.

    Args:
        cameras: (n,) camera of each image; unknown cameras (-1) count as one.
        share: wanted share; the count is rounded, at least one from two images on, and one always stays for training.

    Returns:
        (n,) boolean.
    """
    n = len(cameras)
    count = min(max(math.floor(share * n + 0.5), 1), n - 1)
    shuffled = rng.permutation(n)
    _, camera, sizes = np.unique(cameras[shuffled], return_inverse=True, return_counts=True)
    turn = np.empty(n, dtype=np.int64)  # of each shuffled image among those of its camera
    turn[np.argsort(camera, kind="stable")] = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = np.lexsort((-sizes[camera], turn))[:count]
    held = np.zeros(n, dtype=bool)
    held[shuffled[chosen]] = True
    return held
