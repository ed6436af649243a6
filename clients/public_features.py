"""Embeddings of the public images under a round's global model: made once, by all workers together.

Every client of a round received the same model and has the same public images, so each would compute the same. The
images are divided into parts; whoever needs a part that isn't there makes it, and the others read it from the file,
which the operating system keeps in memory once for all processes of a machine.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fedreid import run_folder
from fedreid.atomic import write_atomically

PART_IMAGES = 1024  # small enough to share the work, and always the same: another batch could give other last digits


class PublicFeatures:
    """The public embeddings of one round.

    Args:
        run_dir: its folder `checkpoints/public_features` is shared by all workers.
        server_round: which model they belong to.
        images: number of public images.
        embed: (rows) -> (len(rows), dim) float32 features of unit length, of the model that this round started with.
    """

    def __init__(
        self, run_dir: Path, server_round: int, images: int, embed: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.folder = run_dir / run_folder.PUBLIC_FEATURES / f"round-{server_round:04d}"
        self.images, self.embed = images, embed

    def parts(self) -> list[np.ndarray]:
        """Parts of (images, dim) float32, read-only maps of files: the workers of a machine share their memory."""
        parts = range(-(-self.images // PART_IMAGES))
        self._forget_others()
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = [part for part in parts if not self._make(part, wait=False)]
        for part in busy:  # another worker is at it; if it dies, its lock goes with it
            self._make(part, wait=True)
        return [np.load(self._path(part), mmap_mode="r") for part in parts]

    def _make(self, part: int, *, wait: bool) -> bool:
        """Make one part unless it is there; False if somebody else is making it."""
        path = self._path(part)
        if path.exists():
            return True
        with path.with_suffix(".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                return False
            if not path.exists():
                rows = np.arange(part * PART_IMAGES, min((part + 1) * PART_IMAGES, self.images))
                features = self.embed(rows)
                write_atomically(path, lambda temporary: _save(temporary, features), is_flushed=False)
        return True

    def _forget_others(self) -> None:
        for other in self.folder.parent.glob("round-*"):
            if other.name < self.folder.name:  # all clients of a round are done before the next one starts
                shutil.rmtree(other, ignore_errors=True)

    def _path(self, part: int) -> Path:
        return self.folder / f"part-{part:04d}.npy"


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:  # np.save would add a suffix to the name
        np.save(file, array)
