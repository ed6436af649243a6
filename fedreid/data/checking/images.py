"""The content of a dataset's images: which can't be decoded, and which are the same file twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedreid.data.decoding import BadImage, decode, digest, read_bytes
from fedreid.data.workers import in_parallel, usable_cores

CHUNK = 128  # images that a worker looks at before it reports
SMALL = 1_500  # up to so many images are looked at in this process: starting others takes longer
SIZE = (128, 64)  # any size does: what can't be decoded can't be at another one

Progress = Callable[[int, int], None]  # done, total


@dataclass(frozen=True)
class Content:
    """What was found out about images.

    Attributes:
        bad: (path, reason) of those that can't be decoded.
        copies: groups of paths with the same content, first group and first path first.
    """

    bad: tuple[tuple[str, str], ...]
    copies: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _Chunk:
    root: str
    first: int
    paths: tuple[str, ...]
    is_decoded: bool


_Looked = tuple[int, list[str], list[tuple[str, str]]]  # first, digests, bad


def content_of(
    root: Path, paths: Sequence[str], *, fast: bool = False, workers: int = 0, on_progress: Progress | None = None
) -> Content:
    """Decode images, and compare their content.

    Args:
        root: folder that the paths start at.
        paths: the images.
        fast: don't decode; read only files that are as long as another one.
        workers: processes; 0: one per core.
        on_progress: told (done, total) images.
    """
    chosen = _as_long_as_another(root, paths) if fast else list(paths)
    chunks = [
        _Chunk(str(root), first, tuple(chosen[first : first + CHUNK]), not fast)
        for first in range(0, len(chosen), CHUNK)
    ]
    digests: dict[int, list[str]] = {}
    bad: list[tuple[str, str]] = []
    done = 0
    for first, found, unreadable in in_parallel(
        _look_at, chunks, 1 if len(chosen) <= SMALL else workers or usable_cores()
    ):
        digests[first] = found
        bad += unreadable
        done += len(found)
        if on_progress:
            on_progress(done, len(chosen))
    everything = [one for first in sorted(digests) for one in digests[first]]
    return Content(tuple(sorted(bad)), _groups(chosen, everything))


def _look_at(chunk: _Chunk) -> _Looked:
    """Runs in a worker."""
    digests: list[str] = []
    bad: list[tuple[str, str]] = []
    for path in chunk.paths:
        digests.append("")
        try:
            content = read_bytes(f"{chunk.root}/{path}")
            if not content:
                raise BadImage("the file is empty")
            digests[-1] = digest(content)
            if chunk.is_decoded:
                decode(content, SIZE)
        except BadImage as error:
            bad.append((path, "a link that leads nowhere" if _leads_nowhere(chunk.root, path) else str(error)))
    return chunk.first, digests, bad


def _leads_nowhere(root: str, path: str) -> bool:
    file = Path(root, path)
    return file.is_symlink() and not file.exists()


def _as_long_as_another(root: Path, paths: Sequence[str]) -> list[str]:
    lengths = [_length(f"{root}/{path}") for path in paths]
    shared = Counter(lengths)
    return [path for path, length in zip(paths, lengths, strict=True) if shared[length] > 1 or length <= 0]


def _length(file: str) -> int:
    try:
        return os.stat(file).st_size  # noqa: PTH116  (a Path for each image doubles the time)
    except OSError:
        return -1


def _groups(paths: Sequence[str], digests: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    by_content: dict[str, list[str]] = {}
    for path, one in zip(paths, digests, strict=True):
        if one:
            by_content.setdefault(one, []).append(path)
    return tuple(tuple(group) for group in by_content.values() if len(group) > 1)
