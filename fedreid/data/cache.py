"""Images decoded once: a memory-mapped array that every process of every run shares.

    CACHE/decoded/KEY/images.npy     uint8 (rows, height, width, 3)
    CACHE/decoded/KEY/entry.json     which rows could not be decoded, and why
    CACHE/decoded/KEY/digests.npy    a hash of each row's pixels, once somebody asked (`fedreid.data.image_digests`)
    CACHE/decoded/stamps/STAMP       the content hash that a dataset on disk had when it was last read
    CACHE/decoded/stamps/SIZES       empty: there may be an entry of files of these sizes

KEY is a hash of the images' content and the size (of landmarks, too, where faces are aligned), so copies of a dataset
share an entry and a changed image makes a new one. STAMP is a hash of the files' names, sizes and times: while it stays
the same, no image is read to find KEY. SIZES is a hash of the files' sizes and of the images' size: while it is new, no
image is read before it is decoded.
"""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fedreid.atomic import write_atomically
from fedreid.data.cache_entry import BAD, IMAGES, Bad, Progress, build_entry, read_entry, refuse
from fedreid.data.decoding import VERSION, Facts, content_hash, digest, digest_of_file, facts_of
from fedreid.data.disk import writing
from fedreid.data.tables import ImageTable
from fedreid.data.workers import usable_cores
from fedreid.errors import UserError

FOLDER, STAMPS = "decoded", "stamps"
KEY_LENGTH = 32  # hexadecimal digits of a name: 128 bits, and no path becomes too long
HASHED = 256  # images that a thread reads in one go: handing over single ones would take longer than reading them


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
        facts = [facts_of(path) for path in paths]  # 100,000 files take a quarter of a second
        stamps = _Stamps(folder / FOLDER / STAMPS, _stamp(table, facts), _sizes(facts, image_size))
        known = _known_content(paths, stamps)
        entry = folder / FOLDER / _key(known, image_size, table.landmarks) if known else None
        if entry is None or not entry.is_dir():
            content, facts_then = build_entry(
                folder / FOLDER,
                paths,
                image_size,
                lambda content: _key(content, image_size, table.landmarks),
                skip_bad_images=skip_bad_images,
                landmarks=table.landmarks,
                workers=workers,
                on_progress=on_progress,
            )
            if facts_then != facts:
                raise UserError(f"{table.root}: images changed while they were read. Try again.")
            entry = folder / FOLDER / _key(content, image_size, table.landmarks)
            _note(content, stamps)
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
    left_out = {table.frame["path"].iloc[row] for row, _ in bad}
    kept, *draws = (
        frame[~frame["path"].isin(left_out)].reset_index(drop=True) for frame in (table.frame, *table.draws)
    )
    reasons = tuple(f"{table.frame['path'].iloc[row]}: {reason}" for row, reason in bad)
    if kept.empty:
        raise UserError(f"{table.name}: none of the {len(bad):,} images can be decoded; the first: {reasons[0]}.")
    points = None if table.landmarks is None else np.delete(table.landmarks, [row for row, _ in bad], axis=0)
    known = replace(table, frame=kept, draws=tuple(draws), landmarks=points)
    return ImageCache(entry, open_cache(entry), known, reasons)


@dataclass(frozen=True)
class _Stamps:
    """What a dataset on disk looks like without opening its files."""

    folder: Path
    stamp: str
    sizes: str


def _known_content(paths: Sequence[str], stamps: _Stamps) -> str | None:
    """The content hash: found by its stamp; else, if there may be an entry of it, by reading all images; or None."""
    if (stamps.folder / stamps.stamp).exists():
        return (stamps.folder / stamps.stamp).read_text()
    if not (stamps.folder / stamps.sizes).exists():
        return None
    with ThreadPoolExecutor(usable_cores()) as pool:  # reading and hashing both leave the interpreter free
        groups = pool.map(_digests, [paths[first : first + HASHED] for first in range(0, len(paths), HASHED)])
        content = content_hash(one for group in groups for one in group)
    _note(content, stamps)
    return content


def _digests(paths: Sequence[str]) -> list[str]:
    return [digest_of_file(path) for path in paths]


def _note(content: str, stamps: _Stamps) -> None:
    stamps.folder.mkdir(parents=True, exist_ok=True)
    (stamps.folder / stamps.sizes).touch()
    write_atomically(stamps.folder / stamps.stamp, lambda file: file.write_text(content))


def _stamp(table: ImageTable, facts: Sequence[Facts]) -> str:
    """Changes when a file is added, removed, renamed or written."""
    names = "\n".join([str(table.root.absolute()), *table.frame["path"]])
    numbers = array("q", itertools.chain.from_iterable(facts))
    return digest(names.encode("utf-8", "surrogateescape") + numbers.tobytes())[:KEY_LENGTH]


def _sizes(facts: Sequence[Facts], image_size: tuple[int, int]) -> str:
    """The same for a copy of the dataset."""
    numbers = array("q", [VERSION, *image_size, *(size for size, _, _ in facts)])
    return digest(numbers.tobytes())[:KEY_LENGTH]


def _key(content: str, image_size: tuple[int, int], landmarks: np.ndarray | None = None) -> str:
    points = "" if landmarks is None else f" {digest(landmarks.tobytes())}"
    return digest(f"{VERSION} {image_size[0]} {image_size[1]} {content}{points}".encode())[:KEY_LENGTH]
