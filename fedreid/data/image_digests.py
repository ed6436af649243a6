"""A number for each decoded image, kept beside the images, so that a start compares datasets without reading them.

CACHE/decoded/KEY/digests.npy     uint64 (rows,)
"""

from __future__ import annotations

import contextlib
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedreid.atomic import write_atomically
from fedreid.data.workers import usable_cores

if TYPE_CHECKING:
    from fedreid.data.cache import ImageCache

DIGESTS = "digests.npy"
GROUP = 256  # images that a thread hashes in one go


def digests_of(cache: ImageCache) -> np.ndarray:
    """A hash of each image's pixels: computed once for an entry, of whatever age, and kept where it can be written.

    Equal images have equal numbers. Of a million images, two that differ share one with a chance of 3e-8.

    Returns:
        uint64 (rows,).
    """
    found = _kept(cache.path / DIGESTS, len(cache.images))
    if found is not None:
        return found
    digests = _computed(cache.images)
    with contextlib.suppress(OSError):  # a cache that can't be written: as quick as before
        write_atomically(cache.path / DIGESTS, lambda file: _save(file, digests))
    return digests


def _kept(file: Path, images: int) -> np.ndarray | None:
    try:
        digests = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return digests if digests.dtype == np.uint64 and digests.shape == (images,) else None


def _save(file: Path, digests: np.ndarray) -> None:
    with file.open("wb") as stream:  # by its name, NumPy would add a suffix
        np.save(stream, digests)


def _computed(images: np.ndarray) -> np.ndarray:
    """Hashing leaves the interpreter free, and so does waiting for a page of the memory map."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        groups = pool.map(_hashed, (images[first : first + GROUP] for first in range(0, len(images), GROUP)))
        joined = b"".join(groups)
    return np.frombuffer(joined, dtype="<u8").astype(np.uint64)


def _hashed(images: np.ndarray) -> bytes:
    return b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
