"""One entry of the image cache: decoded by several processes into a draft, then put in place as a whole."""

from __future__ import annotations

import json
import math
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from fedreid.atomic import flush
from fedreid.data.decoding import ABSENT, UNREADABLE, BadImage, Facts, content_hash, decode, digest, read_with_facts
from fedreid.data.disk import draft_in, put_in_place
from fedreid.data.workers import in_parallel, usable_cores
from fedreid.errors import UserError

IMAGES, ENTRY, BAD = "images.npy", "entry.json", "bad"
CHUNK = 12 << 20  # bytes of pixels that are decoded, then written at once
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
    landmarks: np.ndarray | None = None  # (images, 5, 2), to align faces by


@dataclass(frozen=True)
class Decoded:
    """What a worker says about a chunk."""

    first: int
    digests: tuple[str, ...]
    facts: tuple[Facts, ...]
    bad: tuple[Bad, ...]


def build_entry(
    folder: Path,
    paths: Sequence[str],
    image_size: tuple[int, int],
    name_of: Callable[[str], str],
    *,
    skip_bad_images: bool,
    landmarks: np.ndarray | None = None,
    workers: int = 0,
    on_progress: Progress | None = None,
) -> tuple[str, list[Facts]]:
    """Decode images into a new entry; where another process makes the same one, the first one stays.

    Args:
        folder: of all entries.
        paths: the images, in order.
        image_size: height and width in pixels.
        name_of: the entry's name, from the `content_hash` of the images. It is known when they were read: reading them
            once more, to know it before, would take a third of the time that decoding small images does.
        skip_bad_images: leave out what can't be decoded, instead of stopping.
        landmarks: float32 (images, 5, 2), to align faces by.
        workers: processes; 0: one per core.
        on_progress: told (done, total) images.

    Returns:
        The `content_hash` of what was decoded, and the facts of each file when it was read.

    Raises:
        UserError: an image can't be decoded.
        OSError: the entry can't be written.
    """
    with draft_in(folder) as draft:
        file = draft / IMAGES
        chunks = _chunks(paths, image_size, file, landmarks)
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
        bad = [found for part in ordered for found in part.bad]
        if bad:
            _leave_out(file, [row for row, _ in bad])
        (draft / ENTRY).write_text(json.dumps({"image_size": image_size, BAD: bad}, indent=1) + "\n", encoding="utf-8")
        flush(file)
        flush(draft / ENTRY)
        content = content_hash(one for part in ordered for one in part.digests)
        put_in_place(draft, folder / name_of(content))
    return content, [facts for part in ordered for facts in part.facts]


def read_entry(entry: Path) -> dict[str, Any]:
    """What is known about an entry: `bad`, a list of [row, reason].

    Raises:
        UserError: it is damaged.
    """
    try:
        return json.loads((entry / ENTRY).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{entry / ENTRY} is damaged ({error}).\n  Remove the folder {entry} and try again.") from None


def refuse(paths: Sequence[str], bad: Sequence[Bad]) -> NoReturn:
    """Stop because of images that can't be decoded.

    Raises:
        UserError: always; it names the first.
    """
    row, reason = min(bad)
    others = f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
    raise UserError(
        f"{paths[row]}: can't be decoded: {reason}{others}.\n"
        "  Replace or remove the file, or set data.skip_bad_images = true to go on without such images."
    )


def _processes(workers: int, images: int) -> int:
    return 1 if images <= SMALL else workers or usable_cores()


def _chunks(paths: Sequence[str], image_size: tuple[int, int], file: Path, landmarks: np.ndarray | None) -> list[Chunk]:
    """The work, and the file it goes to, at its full size from the start: a full disk is noticed before decoding."""
    size = image_size[0] * image_size[1] * 3
    start = _make_empty(file, (len(paths), *image_size, 3))
    count = max(1, CHUNK // size)
    places = [slice(first, first + count) for first in range(0, len(paths), count)]
    points = [None if landmarks is None else landmarks[place] for place in places]
    return [
        Chunk(place.start, tuple(paths[place]), image_size, str(file), start + place.start * size, of_chunk)
        for place, of_chunk in zip(places, points, strict=True)
    ]


def _make_empty(file: Path, shape: tuple[int, ...]) -> int:
    """Write an array file without its values; return the number of bytes before them."""
    with file.open("wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.uint8)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        start = stream.tell()
        stream.truncate(start + int(np.prod(shape)))
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, start + int(np.prod(shape)))
    return start


def _decode_chunk(chunk: Chunk) -> Decoded:
    """Runs in a worker. Plain writes, not a memory map: on a full disk those raise instead of killing the process."""
    images = _scratch((len(chunk.paths), *chunk.image_size, 3))
    digests = [UNREADABLE] * len(chunk.paths)
    facts = [ABSENT] * len(chunk.paths)
    bad: list[Bad] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about odd files: without the file's name they help nobody
        for place, path in enumerate(chunk.paths):
            try:
                content, facts[place] = read_with_facts(path)
                digests[place] = digest(content)
                points = None if chunk.landmarks is None else chunk.landmarks[place]
                images[place] = decode(content, chunk.image_size, points)
            except BadImage as error:
                images[place] = 0
                bad.append((chunk.first + place, str(error)))
    with Path(chunk.file).open("r+b") as stream:
        stream.seek(chunk.offset)
        stream.write(images.data)
        stream.flush()
        if hasattr(os, "posix_fadvise"):  # starts writing to the disk, and doesn't wait: little is left for the end
            os.posix_fadvise(stream.fileno(), chunk.offset, images.nbytes, os.POSIX_FADV_DONTNEED)
    return Decoded(chunk.first, tuple(digests), tuple(facts), tuple(bad))


_KEPT = threading.local()


def _scratch(shape: tuple[int, ...]) -> np.ndarray:
    """Memory for a chunk, uint8 of this shape with anything in it: the same for the next chunk of this thread.

    Memory that is new to a process is slow to get, in a virtual machine above all; a chunk has megabytes of it.
    """
    size = math.prod(shape)
    if getattr(_KEPT, "buffer", np.empty(0)).size < size:
        _KEPT.buffer = np.empty(size, dtype=np.uint8)
    return _KEPT.buffer[:size].reshape(shape)


def _leave_out(file: Path, rows: Sequence[int]) -> None:
    """Write the array again without some rows."""
    images = np.load(file, mmap_mode="r")
    kept = np.setdiff1d(np.arange(len(images)), rows)
    without = file.with_suffix(".kept")
    start = _make_empty(without, (len(kept), *images.shape[1:]))
    with without.open("r+b") as stream:
        stream.seek(start)
        count = max(1, CHUNK // images[0].nbytes)
        for first in range(0, len(kept), count):
            stream.write(images[kept[first : first + count]].data)
    without.replace(file)
