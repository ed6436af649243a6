"""What an offline run of Weights & Biases holds: a log, in LevelDB's format, of the library's own protobuf records.

The library writes it in a process of its own and doesn't say when that fails, so its file is looked at in the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

MAGIC, HEADER, BLOCK = b":W&B", 7, 32768
CHUNK = struct.Struct("<IHB")  # checksum, length, kind
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def records(folder: Path) -> Iterator[Record]:
    """The records of a run's folder, in order, as far as they were written."""
    content = next(folder.glob("run-*.wandb")).read_bytes()
    if not content.startswith(MAGIC):
        raise ValueError(f"{folder}: expected a file of Weights & Biases, which begins with {MAGIC!r}")
    at, whole = HEADER, b""
    while at + CHUNK.size <= len(content):
        if BLOCK - at % BLOCK < CHUNK.size:  # a chunk's header is never split over two blocks
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = CHUNK.unpack_from(content, at)
        at += CHUNK.size
        if kind not in (FULL, FIRST, MIDDLE, LAST) or at + size > len(content):  # the end was never written
            return
        whole = (b"" if kind in (FULL, FIRST) else whole) + content[at : at + size]
        at += size
        if kind in (FULL, LAST):
            yield Record.FromString(whole)


def written(folder: Path) -> tuple[int, bool]:
    """The last step that has figures, -1 for none, and whether the run was closed: its last record is there."""
    step, is_closed = -1, False
    for record in records(folder):
        kind = record.WhichOneof("record_type")
        is_closed = is_closed or kind == "exit"
        step = record.history.step.num if kind == "history" else step
    return step, is_closed
