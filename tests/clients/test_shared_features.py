"""The embeddings that all workers of a machine make together, once for each round and use."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import numpy as np
import pytest

from clients import shared_features as module
from clients.shared_features import EVALUATION, TRAINING, SharedFeatures, row_parts


def whole(found: SharedFeatures[np.ndarray]) -> np.ndarray:
    return np.concatenate(found.parts())


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART_IMAGES", 4)


class Embedder:
    """Row i becomes (i, round); notes what it was asked for."""

    def __init__(self, server_round: int = 1) -> None:
        self.round, self.asked = server_round, []  # type: ignore[var-annotated]

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        self.asked.append(rows.tolist())
        return np.stack([rows, np.full_like(rows, self.round)], 1).astype(np.float32)


def features(tmp_path: Path, embed: Embedder, images: int = 10, use: str = TRAINING) -> SharedFeatures[np.ndarray]:
    return SharedFeatures(tmp_path, embed.round, use, row_parts(images), embed)


def expected(images: int = 10, server_round: int = 1) -> np.ndarray:
    return np.array([[row, server_round] for row in range(images)], np.float32)


@pytest.mark.parametrize("images", [1, 4, 10, 12])
def test_parts_are_put_together_in_order(tmp_path: Path, images: int) -> None:
    embed = Embedder()
    found = whole(features(tmp_path, embed, images))
    np.testing.assert_array_equal(found, expected(images))
    assert found.dtype == np.float32
    assert [row for rows in embed.asked for row in rows] == list(range(images))
    assert max(len(rows) for rows in embed.asked) <= 4


def test_every_image_is_embedded_once_for_all_clients_of_a_round(tmp_path: Path) -> None:
    first, second = Embedder(), Embedder()
    made = whole(features(tmp_path, first))
    np.testing.assert_array_equal(whole(features(tmp_path, second)), made)
    assert second.asked == []


def test_the_next_round_has_its_own_and_drops_those_before(tmp_path: Path) -> None:
    whole(features(tmp_path, Embedder(1)))
    np.testing.assert_array_equal(whole(features(tmp_path, Embedder(2))), expected(server_round=2))
    assert [path.name for path in (tmp_path / "checkpoints" / "public_features").iterdir()] == ["round-0002"]


def test_a_round_is_evaluated_with_another_model_than_it_starts_with(tmp_path: Path) -> None:
    """Both are there at once; what an evaluation left goes when the next round starts to train."""
    training, evaluation = Embedder(1), Embedder(1)
    whole(features(tmp_path, training))
    whole(features(tmp_path, evaluation, use=EVALUATION))
    assert training.asked == evaluation.asked
    folder = tmp_path / "checkpoints" / "public_features" / "round-0001"
    assert {path.name for path in folder.iterdir()} == {TRAINING, EVALUATION}
    whole(features(tmp_path, Embedder(2)))
    assert not folder.exists()


@pytest.mark.parametrize(
    ("images", "multiple_of", "sizes"), [(0, 1, []), (9, 1, [4, 4, 1]), (9, 4, [4, 4, 1]), (13, 3, [6, 6, 1])]
)
def test_parts_hold_whole_batches(images: int, multiple_of: int, sizes: list[int]) -> None:
    """4 images at least, unless the last ones: 6 in batches of 3."""
    parts = row_parts(images, multiple_of)
    assert [len(part) for part in parts] == sizes
    assert [row for part in parts for row in part] == list(range(images))


def test_a_part_that_another_worker_is_making_is_waited_for(tmp_path: Path) -> None:
    """Its lock is held here; meanwhile the other parts are made, and the waiting worker makes nothing twice."""
    embed = Embedder()
    folder = features(tmp_path, embed).folder
    folder.mkdir(parents=True)
    found: list[np.ndarray] = []
    with (folder / "part-0001.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        worker = threading.Thread(target=lambda: found.append(whole(features(tmp_path, embed))))
        worker.start()
        while not (folder / "part-0002.npy").exists():
            assert worker.is_alive()
        assert embed.asked == [[0, 1, 2, 3], [8, 9]]
        module._save(folder / "part-0001.npy", expected()[4:8] + 100)
    worker.join()
    assert embed.asked == [[0, 1, 2, 3], [8, 9]]
    np.testing.assert_array_equal(found[0][4:8], expected()[4:8] + 100)


def test_the_part_of_a_worker_that_died_is_made_by_who_waits(tmp_path: Path) -> None:
    embed = Embedder()
    folder = features(tmp_path, embed).folder
    folder.mkdir(parents=True)
    found: list[np.ndarray] = []
    with (folder / "part-0000.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        worker = threading.Thread(target=lambda: found.append(whole(features(tmp_path, embed))))
        worker.start()
        while not (folder / "part-0002.npy").exists():
            assert worker.is_alive()
    worker.join()
    np.testing.assert_array_equal(found[0], expected())
    assert embed.asked == [[4, 5, 6, 7], [8, 9], [0, 1, 2, 3]]


def test_a_part_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail(rows: np.ndarray) -> np.ndarray:
        if rows[0] == 4:
            raise RuntimeError("out of memory")
        return Embedder()(rows)

    with pytest.raises(RuntimeError, match="out of memory"):
        SharedFeatures(tmp_path, 1, TRAINING, row_parts(10), fail).parts()
    embed = Embedder()
    np.testing.assert_array_equal(whole(features(tmp_path, embed)), expected())
    assert embed.asked == [[4, 5, 6, 7], [8, 9]]
