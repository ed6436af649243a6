"""Which memory allocator the processes have that train.

Training a small network asks for many small pieces of memory, and a large one gives back and takes again megabytes in
each step: glibc is slow at both. On Linux, Ray brings jemalloc along, which can be put in its place when a process
starts, not later (results/benchmarks/allocators.md).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

PRELOAD, SETTINGS = "LD_PRELOAD", "MALLOC_CONF"
# Freed memory is kept: given back, it comes again page by page, which takes longer than jemalloc's quicker calls save.
KEEPING = "dirty_decay_ms:-1"


def with_jemalloc(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a new process that trains.

    It has nothing new in it where Ray brings no jemalloc along (not on Linux), or where the user says what to preload:
    nothing at all, if LD_PRELOAD is there and empty, as Ray itself reads it.
    """
    library = jemalloc()
    if library is None or PRELOAD in environment:
        return dict(environment)
    return {SETTINGS: KEEPING, **environment, PRELOAD: str(library)}


def jemalloc() -> Path | None:
    """The library that comes with Ray, if a process can be told its path.

    It is found without importing Ray, which takes a second.
    """
    ray = importlib.util.find_spec("ray")
    if ray is None or ray.origin is None:
        return None
    library = Path(ray.origin).parent / "core" / "libjemalloc.so"
    is_tellable = not set(" :") & set(str(library))  # the loader splits LD_PRELOAD there
    return library if is_tellable and library.exists() else None
