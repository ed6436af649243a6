"""Embeddings that every client of a round would make alike: made once, by all workers together.

Clients that received the same model see the same in the public images, and while they have not trained it yet, in each
other's held-out ones. The images are divided into parts; whoever needs a part that isn't there makes it, and the others
read it from the file, which the operating system keeps in memory once for all processes of a machine.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from fedreid import run_folder
from fedreid.atomic import write_atomically

PART_IMAGES = 1024  # small enough to share the work, and always the same: another batch could give other last digits
TRAINING, EVALUATION = "training", "evaluation"  # what for: a round is evaluated with another model than it starts with

Piece = TypeVar("Piece")


class SharedFeatures(Generic[Piece]):
    """The embeddings of one round for one use.

    Args:
        run_dir: its folder `checkpoints/public_features` is shared by all workers.
        server_round, use: which model they belong to; it must be every client's.
        pieces: what is embedded, part by part; the same for every client.
        embed: (piece) -> (n, dim) float32 features.
    """

    def __init__(
        self,
        run_dir: Path,
        server_round: int,
        use: str,
        pieces: Sequence[Piece],
        embed: Callable[[Piece], np.ndarray],
    ) -> None:
        self.folder = run_dir / run_folder.PUBLIC_FEATURES / f"round-{server_round:04d}" / use
        self.pieces, self.embed = pieces, embed

    def parts(self) -> list[np.ndarray]:
        """Features of each piece, read-only maps of files: the workers of a machine share their memory."""
        self._forget_others()
        self.folder.mkdir(parents=True, exist_ok=True)
        busy = [part for part in range(len(self.pieces)) if not self._make(part, wait=False)]
        for part in busy:  # another worker is at it; if it dies, its lock goes with it
            self._make(part, wait=True)
        return [np.load(self._path(part), mmap_mode="r") for part in range(len(self.pieces))]

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
                features = self.embed(self.pieces[part])
                write_atomically(path, lambda temporary: _save(temporary, features), is_flushed=False)
        return True

    def _forget_others(self) -> None:
        own = self.folder.parent
        for other in own.parent.glob("round-*"):
            if other.name < own.name:  # all clients of a round are done before the next one starts
                shutil.rmtree(other, ignore_errors=True)

    def _path(self, part: int) -> Path:
        return self.folder / f"part-{part:04d}.npy"


def row_parts(images: int, multiple_of: int = 1) -> list[np.ndarray]:
    """Rows 0 .. images - 1 in parts.

    Args:
        multiple_of: embedded in batches of so many images, parts have the batches that all images at once would have.
    """
    size = -(-PART_IMAGES // multiple_of) * multiple_of
    return [np.arange(start, min(start + size, images)) for start in range(0, images, size)]


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:  # np.save would add a suffix to the name
        np.save(file, array)
