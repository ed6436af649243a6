"""A client's private, persistent state: proxies and whatever else of its own it needs again in its next round.

One file for each client and round, `RUN/checkpoints/clients/0007/round-0003.safetensors`, which appears whole or not at
all and is flushed to the disk, with all others, by the checkpoint that counts on it. A round reads the newest file of
an *earlier* round, so a round that is done again (after a kill, or by another worker) starts from the same state, and a
checkpoint needs no copy of it.
"""

from __future__ import annotations

import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fedreid.atomic import write_atomically
from fedreid.errors import RunError


class PrivateState:
    """The files of one client."""

    def __init__(self, run_dir: Path, client: int, *, keep: int = 2) -> None:
        self.folder = run_dir / "checkpoints" / "clients" / f"{client:04d}"
        self.keep = keep

    def load(self, before_round: int) -> dict[str, Tensor]:
        """Tensors saved in the newest round before this one; empty when the client never took part.

        Raises:
            RunError: a file that can't be read, naming it.
        """
        newest = self.newest(before_round)
        if newest is None:
            return {}
        path = self._path(newest)
        try:
            return load_file(path)
        except SafetensorError as error:
            raise RunError(f"the private state {path} is damaged: {error}") from error

    def newest(self, before_round: int) -> int | None:
        """The round whose file `load` reads; None: there is none."""
        return max((number for number in self._rounds() if number < before_round), default=None)

    def save(self, server_round: int, tensors: dict[str, Tensor]) -> Path:
        """Write the state of this round, and drop files that no kept checkpoint needs."""
        earlier = sorted(number for number in self._rounds() if number < server_round)
        if not earlier:
            self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(server_round)
        own = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        write_atomically(path, lambda temporary: save_file(own, temporary), is_flushed=False, is_private=True)
        # The newest `keep` earlier rounds back the kept checkpoints.
        for number in earlier[: -self.keep]:
            self._path(number).unlink(missing_ok=True)
        return path

    def drop_needless(self, last_round: int) -> None:
        """When a run's last round is on the disk, keep only what one of its kept checkpoints goes on from.

        The newest alone would do for whoever reads the finished run, but an older checkpoint is kept to go back to.
        """
        rounds = self._rounds()
        kept = range(last_round, max(-1, last_round - self.keep), -1)
        needed = {max((number for number in rounds if number <= checkpoint), default=-1) for checkpoint in kept}
        for number in set(rounds) - needed:
            self._path(number).unlink(missing_ok=True)

    def _rounds(self) -> list[int]:
        try:
            names = os.listdir(self.folder)  # noqa: PTH208  (names are all we need, for every client and round)
        except FileNotFoundError:
            return []
        return [int(name[6:-12]) for name in names if name.startswith("round-") and name.endswith(".safetensors")]

    def _path(self, server_round: int) -> Path:
        return self.folder / f"round-{server_round:04d}.safetensors"
