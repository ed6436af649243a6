"""Images decoded once: a memory-mapped array that every process of every run shares.

    CACHE/decoded/KEY/images.npy     uint8 (rows, height, width, 3)
    CACHE/decoded/KEY/entry.json     which rows could not be decoded, and why
    CACHE/decoded/stamps/STAMP       the content hash that a dataset on disk had when it was last read

KEY is a hash of the images' content and the size, so copies of a dataset share an entry and a changed image makes a new
one. STAMP is a hash of the files' names, sizes and times: while it stays the same, no image is read to find KEY.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fedreid.atomic import write_atomically
from fedreid.data.cache_entry import BAD, IMAGES, Bad, Progress, build_entry, read_entry, refuse
from fedreid.data.decoding import VERSION, content_hash, digest, digest_of_file
from fedreid.data.disk import writing
from fedreid.data.tables import ImageTable
from fedreid.data.workers import usable_cores
from fedreid.errors import UserError

FOLDER, STAMPS = "decoded", "stamps"
KEY_LENGTH = 32  # hexadecimal digits of a name: 128 bits, and no path becomes too long


@dataclass(frozen=True, eq=False)
class ImageCache:
    """A dataset's images, decoded.

    Attributes:
        path: folder of this entry, for `open_cache` in other processes.
        images: uint8 (rows, height, width, 3), memory-mapped, rows in the order of `table`.
        table: the rows whose images could be decoded.
        bad_images: the others, each "path: reason".
    """

    path: Path
    images: np.ndarray
    table: ImageTable
    bad_images: tuple[str, ...]


def build_cache(
    table: ImageTable,
    image_size: tuple[int, int],
    folder: Path,
    *,
    skip_bad_images: bool = False,
    workers: int = 0,
    on_progress: Progress | None = None,
) -> ImageCache:
    """Open a table's decoded images, decoding them first where that was never done. Safe to call in two runs at once.

    Args:
        table: what to decode.
        image_size: height and width in pixels.
        folder: of all caches; made if it isn't there.
        skip_bad_images: leave out images that can't be decoded, instead of stopping.
        workers: processes that decode; 0: one per core.
        on_progress: told (done, total) images while decoding; never called when there is nothing to decode.

    Raises:
        UserError: an image can't be decoded, or the folder can't be written.
    """
    if table.frame.empty:
        raise UserError(f"{table.name}: there are no images in {table.root}.")
    paths = [f"{table.root}/{path}" for path in table.frame["path"]]
    megabytes = len(paths) * image_size[0] * image_size[1] * 3 / 1e6
    with writing(folder, f"the decoded images of {table.name} ({megabytes:,.0f} MB)"):
        content = _content_hash(table, paths, folder)
        entry = folder / FOLDER / _key(content, image_size)
        if not entry.is_dir():
            build_entry(
                entry,
                paths,
                image_size,
                content,
                skip_bad_images=skip_bad_images,
                workers=workers,
                on_progress=on_progress,
            )
    return _opened(entry, table, paths, skip_bad_images)


def open_cache(path: Path) -> np.ndarray:
    """The images of an entry, uint8 (rows, height, width, 3), memory-mapped: opening costs the same for any size.

    Raises:
        UserError: there is no such entry, or it is damaged.
    """
    try:
        return np.load(path / IMAGES, mmap_mode="r")
    except FileNotFoundError:
        raise UserError(f"{path}: the decoded images are gone. Start the run again to decode them.") from None
    except ValueError as error:
        raise UserError(f"{path / IMAGES} is damaged ({error}).\n  Remove the folder {path} and try again.") from None


def _opened(entry: Path, table: ImageTable, paths: Sequence[str], skip_bad_images: bool) -> ImageCache:
    bad: list[Bad] = read_entry(entry)[BAD]
    if bad and not skip_bad_images:
        refuse(paths, bad)
    if not bad:
        return ImageCache(entry, open_cache(entry), table, ())
    kept = table.frame.drop(index=table.frame.index[[row for row, _ in bad]]).reset_index(drop=True)
    reasons = tuple(f"{table.frame['path'].iloc[row]}: {reason}" for row, reason in bad)
    if kept.empty:
        raise UserError(f"{table.name}: none of the {len(bad):,} images can be decoded; the first: {reasons[0]}.")
    return ImageCache(entry, open_cache(entry), replace(table, frame=kept), reasons)


def _content_hash(table: ImageTable, paths: Sequence[str], folder: Path) -> str:
    """Found by its stamp, or by reading all images."""
    stamps = folder / FOLDER / STAMPS
    stamps.mkdir(parents=True, exist_ok=True)
    stamp = stamps / _stamp(table, paths)
    if stamp.exists():
        return stamp.read_text()
    with ThreadPoolExecutor(usable_cores()) as pool:  # reading and hashing both leave the interpreter free
        content = content_hash(pool.map(digest_of_file, paths))
    write_atomically(stamp, lambda file: file.write_text(content))
    return content


def _stamp(table: ImageTable, paths: Sequence[str]) -> str:
    """Changes when a file is added, removed, renamed or written. 100,000 files take a quarter of a second."""
    facts = array("q")
    for path in paths:
        try:
            status = os.stat(path)  # noqa: PTH116  (a Path for each image doubles the time)
        except OSError:
            facts.extend((-1, -1, -1))  # decoding says why
        else:
            facts.extend((status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    names = "\n".join([str(table.root.absolute()), *table.frame["path"]])
    return digest(names.encode() + facts.tobytes())[:KEY_LENGTH]


def _key(content: str, image_size: tuple[int, int]) -> str:
    return digest(f"{VERSION} {image_size[0]} {image_size[1]} {content}".encode())[:KEY_LENGTH]
