"""One entry of the image cache: decoded by several processes into a draft, then put in place as a whole."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from fedreid.atomic import flush
from fedreid.data.decoding import UNREADABLE, BadImage, decode, read_bytes, sha256
from fedreid.data.disk import draft_of
from fedreid.data.workers import in_parallel, usable_cores
from fedreid.errors import UserError

IMAGES, ENTRY, BAD = "images.npy", "entry.json", "bad"
CHUNK = 128  # images decoded at once: about 50 ms of work
SMALL = 1500  # up to so many images are decoded in this process: starting others takes longer

Progress = Callable[[int, int], None]  # done, total
Bad = tuple[int, str]  # row, reason


@dataclass(frozen=True)
class Chunk:
    """Images that a worker decodes into their place in a file."""

    first: int
    paths: tuple[str, ...]
    image_size: tuple[int, int]
    file: str
    offset: int  # bytes before the first image of the chunk


@dataclass(frozen=True)
class Decoded:
    """What a worker says about a chunk."""

    first: int
    digests: tuple[str, ...]
    bad: tuple[Bad, ...]


def build_entry(
    entry: Path,
    paths: Sequence[str],
    image_size: tuple[int, int],
    content: str,
    *,
    skip_bad_images: bool,
    workers: int = 0,
    on_progress: Progress | None = None,
) -> None:
    """Decode images into the folder `entry`; where another process makes the same entry, the first one stays.

    Args:
        entry: the folder to make.
        paths: the images, in order.
        image_size: height and width in pixels.
        content: `content_hash` of the images; a file that has changed since is noticed.
        skip_bad_images: leave out what can't be decoded, instead of stopping.
        workers: processes; 0: one per core.
        on_progress: told (done, total) images.

    Raises:
        UserError: an image can't be decoded, or changed meanwhile.
        OSError: the entry can't be written.
    """
    with draft_of(entry) as draft:
        chunks = _chunks(paths, image_size, draft / IMAGES)
        parts: dict[int, Decoded] = {}
        done = 0
        for part in in_parallel(_decode_chunk, chunks, _processes(workers, len(paths))):
            if part.bad and not skip_bad_images:
                refuse(paths, part.bad)
            parts[part.first] = part
            done += len(part.digests)
            if on_progress:
                on_progress(done, len(paths))
        ordered = [parts[first] for first in sorted(parts)]
        if content_hash(digest for part in ordered for digest in part.digests) != content:
            raise UserError(f"{Path(paths[0]).parent}: images changed while they were read. Try again.")
        bad = [found for part in ordered for found in part.bad]
        if bad:
            _leave_out(draft / IMAGES, [row for row, _ in bad])
        (draft / ENTRY).write_text(json.dumps({"image_size": image_size, BAD: bad}, indent=1) + "\n", encoding="utf-8")
        flush(draft / IMAGES)
        flush(draft / ENTRY)


def read_entry(entry: Path) -> dict[str, Any]:
    """What is known about an entry: `bad`, a list of [row, reason].

    Raises:
        UserError: it is damaged.
    """
    try:
        return json.loads((entry / ENTRY).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{entry / ENTRY} is damaged ({error}).\n  Remove the folder {entry} and try again.") from None
